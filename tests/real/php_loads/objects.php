<?php
// Small objects until the limit: what ordinary code does.

function fill(float $stop): void
{
    global $kept;
    $kept = [];
    while (memory_get_usage() < $stop) {
        $block = [];
        for ($i = 0; $i < 500; $i++) {
            $one = new stdClass();
            $one->number = $i;
            $block[] = $one;
        }
        $kept[] = $block;
    }
}
