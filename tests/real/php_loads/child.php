<?php
// One child: touches what all share, waits for the others, fills its heap by one kind of load, then stays there.
//
// Parameters: dir (the test's directory), round, load, texts, values and paths (how many to touch). It writes ready.ROUND.PID when it has touched everything and full.ROUND.PID, with the program's own counters,
// at its peak; it goes on when go.ROUND and leave.ROUND appear.

parse_str($_SERVER['QUERY_STRING'], $p);
$dir = $p['dir'];
$round = $p['round'];
$reserve = str_repeat('r', 1 << 18); // given back before the counters are written: the heap is full by then

function wait_for(string $file): void
{
    while (!file_exists($file)) {
        usleep(4000);
    }
}

register_shutdown_function(static function () use (&$reserve, $dir, $round): void {
    $reserve = null;
    $error = error_get_last();
    file_put_contents("$dir/.full.$round", json_encode([
        'heap' => memory_get_usage(true),
        'peak' => memory_get_peak_usage(true),
        'paths' => realpath_cache_size(),
        'error' => $error === null ? '' : substr($error['message'], 0, 80),
    ]), FILE_APPEND);
    touch("$dir/full.$round." . getmypid());
    wait_for("$dir/leave.$round");
});

// --- what every child touches
for ($i = 0; $i < $p['texts']; $i++) {
    crc32(include "$dir/x/$i.php"); // the text stays in opcache's segment, only read
}
for ($i = 0; $i < $p['values']; $i++) {
    crc32((string) apcu_fetch("value$i"));
}
for ($i = 0; $i < $p['paths']; $i++) {
    realpath("$p[paths_dir]/$i");
}
@preg_match('/^(?:(a|b)*)*$/', str_repeat('ab', 100000)); // PCRE's own stack, to its limit

touch("$dir/ready.$round." . getmypid());
wait_for("$dir/go.$round");

// --- the load; a fatal error ends it, and the function above still sees the heap as it was
require __DIR__ . "/$p[load].php";
$limit = ini_parse_quantity((string) call_user_func('ini_get', 'memory_limit')); // a plain call is folded by opcache
$percent = (int) call_user_func('ini_get', 'memory_hard_limit_percent') ?: 200;
$hard = $limit * $percent / 100;
fill($hard - max(4 * 1024 * 1024, 0.03 * $hard)); // somewhat early: past the hard limit the process would be gone
