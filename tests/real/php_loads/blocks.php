<?php
// Blocks of their own mapping: a little above a chunk, so that each begins a second page table.

function fill(float $stop): void
{
    global $kept;
    $kept = [];
    while (memory_get_usage() < $stop) {
        $kept[] = str_repeat('b', 2 * 1024 * 1024);
    }
}
