<?php
// One array that doubles: the engine asks for the new half while it holds the old.

function fill(float $stop): void
{
    global $kept;
    $kept = [];
    for ($i = 0; true; $i++) {
        $kept[] = $i;
    }
}
