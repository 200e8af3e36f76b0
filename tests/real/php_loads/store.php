<?php
// Fills what all children share: opcache by compiling x/*.php, ten files a request, APCu by values of 32 KiB. Answers
// with the program's own counters.

parse_str($_SERVER['QUERY_STRING'], $p);
$dir = $p['dir'];
$texts = (int) $p['from'];
$values = 0;
if ($p['files'] > 0) {
    while ($texts < min($p['files'], $p['from'] + 10) && opcache_get_status(false)['memory_usage']['free_memory'] > $p['largest']) {
        opcache_compile_file("$dir/x/$texts.php");
        $texts++;
    }
}
if ($p['apcu'] > 0 && $texts < $p['from'] + 10) {
    while (apcu_sma_info(true)['avail_mem'] > 0.02 * $p['apcu'] && apcu_store("value$values", str_repeat(chr(97 + $values % 26), 1 << 15))) {
        $values++;
    }
}
$status = $p['files'] > 0 ? opcache_get_status(false) : null;
echo json_encode([
    'texts' => $texts,
    'values' => $values,
    'opcache_used' => $status === null ? 0 : $status['memory_usage']['used_memory'],
    'strings_used' => $status === null ? 0 : $status['interned_strings_usage']['used_memory'],
    'jit_size' => $status['jit']['buffer_size'] ?? 0,
    'jit_free' => $status['jit']['buffer_free'] ?? 0,
    'apcu_free' => $p['apcu'] > 0 ? apcu_sma_info(true)['avail_mem'] : 0,
]);
