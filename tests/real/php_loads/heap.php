<?php
// Answers with the heap's peak after one load, whatever ended it: objects, doubling or scanner.

register_shutdown_function(static function (): void {
    $GLOBALS['reserve'] = null;
    echo "\npeak=", memory_get_peak_usage(true), "\n";
});
$reserve = str_repeat('r', 1 << 18);
require __DIR__ . '/' . $_GET['load'] . '.php';
fill((float) $_GET['stop']);
