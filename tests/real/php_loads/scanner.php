<?php
// One call that ordinary code cannot stop: the scanner is granted memory up to the hard limit. Its list of tokens
// doubles while it still holds the old one, so the number of tokens is a power of two, and objects fill the rest.

function fill(float $stop): void
{
    global $kept, $tokens, $source;
    $before = memory_get_usage();
    $tokens = token_get_all('<?php ' . str_repeat('$a ', 1020));
    $pair = (memory_get_usage() - $before - 16 * 2048) / 1020; // two tokens without their slots in the list
    $tokens = null;
    $limit = ini_parse_quantity((string) call_user_func('ini_get', 'memory_limit'));
    $pairs = 512;
    do {
        $pairs *= 2;
        $objects = $stop - $pairs * ($pair + 32 + 6); // 6: the text, and the scanner's copy of it
    } while ($objects > $limit - 5 * 1024 * 1024);
    $kept = [];
    while (memory_get_usage() < $objects) {
        $block = [];
        for ($i = 0; $i < 500; $i++) {
            $block[] = new stdClass();
        }
        $kept[] = $block;
    }
    $source = '<?php ' . str_repeat('$a ', $pairs - 4);
    $tokens = token_get_all($source);
}
