<?php
// Strings of the size of one database row until the limit.

function fill(float $stop): void
{
    global $kept;
    $kept = [];
    while (memory_get_usage() < $stop) {
        $block = [];
        for ($i = 0; $i < 64; $i++) {
            $block[] = str_repeat(chr(97 + $i % 26), 1000);
        }
        $kept[] = $block;
    }
}
