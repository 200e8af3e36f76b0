"""What nginx refuses when it has read a directive: where it stands, how it ends, how many words it has, and twice.

The tables are those of nginx itself (the ngx_command_t of src/core, src/event and src/http, releases 1.22.1 and 1.29,
the wider of the two). Directives that are not named here, those of modules from elsewhere among them, are never judged;
nor are values.
"""

from __future__ import annotations

import re
from typing import Final

MANY: Final = 1 << 30
ENTRIES: Final = "entries"  # what stands in the block is no directive: src/core/ngx_conf_file.c, cf->handler
UNKNOWN: Final = ""  # a block of a module that is not known here: nothing in it is judged

_BLOCKS: Final = {  # block: fewest and most words, where it may stand, and what it is as a place for others
    "events": (0, 0, {"main": "events"}),
    "http": (0, 0, {"main": "http"}),
    "stream": (0, 0, {"main": "stream"}),
    "mail": (0, 0, {"main": "mail"}),
    "server": (0, 0, {"http": "server", "stream": UNKNOWN, "mail": UNKNOWN}),
    "location": (1, 2, {"server": "location", "location": "location"}),
    "if": (1, MANY, {"server": "server_if", "location": "if"}),
    "limit_except": (1, MANY, {"location": "limit_except"}),
    "upstream": (1, 1, {"http": "upstream", "stream": UNKNOWN}),
    "types": (0, 0, {"http": ENTRIES, "server": ENTRIES, "location": ENTRIES}),
    "map": (2, 2, {"http": ENTRIES, "stream": ENTRIES}),
    "geo": (1, 2, {"http": ENTRIES, "stream": ENTRIES}),
    "split_clients": (2, 2, {"http": ENTRIES, "stream": ENTRIES}),
    "charset_map": (2, 2, {"http": ENTRIES}),
}
_JUDGED: Final = frozenset(
    ("main", "events", "http", "server", "server_if", "location", "if", "limit_except", "upstream", "stream")
)
_SINGLE_BLOCKS: Final = frozenset(("events", "http", "stream", "mail"))

_ONCE: Final = (  # directives that may stand once in a block: places, fewest and most words, names
    (
        "main", 1, 1,
        "daemon lock_file master_process pcre_jit pid timer_resolution worker_priority worker_processes "
        "worker_rlimit_core worker_rlimit_nofile worker_shutdown_timeout",
    ),
    ("main", 1, 2, "user"),
    ("main", 1, MANY, "worker_cpu_affinity"),
    ("events", 1, 1, "accept_mutex accept_mutex_delay multi_accept use worker_aio_requests worker_connections"),
    (
        "http server location", 1, 1,
        "absolute_redirect add_after_body add_before_body aio_write auth_delay autoindex autoindex_exact_size "
        "autoindex_format autoindex_localtime chunked_transfer_encoding client_body_buffer_size "
        "client_body_in_file_only client_body_in_single_buffer client_body_timeout client_max_body_size "
        "default_type directio_alignment etag fastcgi_buffer_size fastcgi_buffering fastcgi_busy_buffers_size "
        "fastcgi_cache fastcgi_cache_background_update fastcgi_cache_key fastcgi_cache_lock "
        "fastcgi_cache_lock_age fastcgi_cache_lock_timeout fastcgi_cache_max_range_offset fastcgi_cache_min_uses "
        "fastcgi_cache_revalidate fastcgi_connect_timeout fastcgi_force_ranges fastcgi_ignore_client_abort "
        "fastcgi_index fastcgi_intercept_errors fastcgi_keep_conn fastcgi_limit_rate fastcgi_max_temp_file_size "
        "fastcgi_next_upstream_timeout fastcgi_next_upstream_tries fastcgi_pass_request_body "
        "fastcgi_pass_request_headers fastcgi_read_timeout fastcgi_request_buffering fastcgi_send_lowat "
        "fastcgi_send_timeout fastcgi_socket_keepalive fastcgi_temp_file_write_size gunzip gzip_comp_level "
        "gzip_hash gzip_http_version gzip_min_length gzip_no_buffer gzip_static gzip_vary gzip_window "
        "http2_chunk_size if_modified_since limit_conn_dry_run limit_conn_log_level limit_conn_status "
        "limit_req_dry_run limit_req_log_level limit_req_status lingering_close lingering_time lingering_timeout "
        "log_not_found log_subrequest max_ranges min_delete_depth msie_padding msie_refresh "
        "open_file_cache_errors open_file_cache_events open_file_cache_min_uses open_file_cache_valid "
        "port_in_redirect postpone_gzipping postpone_output proxy_buffer_size proxy_buffering "
        "proxy_busy_buffers_size proxy_cache proxy_cache_background_update proxy_cache_convert_head "
        "proxy_cache_key proxy_cache_lock proxy_cache_lock_age proxy_cache_lock_timeout "
        "proxy_cache_max_range_offset proxy_cache_min_uses proxy_cache_revalidate proxy_connect_timeout "
        "proxy_force_ranges proxy_headers_hash_bucket_size proxy_headers_hash_max_size proxy_http_version "
        "proxy_ignore_client_abort proxy_intercept_errors proxy_limit_rate proxy_max_temp_file_size proxy_method "
        "proxy_next_upstream_timeout proxy_next_upstream_tries proxy_pass_request_body proxy_pass_request_headers "
        "proxy_read_timeout proxy_request_buffering proxy_send_lowat proxy_send_timeout proxy_set_body "
        "proxy_socket_keepalive proxy_ssl_session_reuse proxy_temp_file_write_size read_ahead real_ip_recursive "
        "recursive_error_pages reset_timedout_connection satisfy send_lowat send_timeout sendfile_max_chunk "
        "server_name_in_redirect server_tokens subrequest_output_buffer_size tcp_nodelay tcp_nopush "
        "types_hash_bucket_size types_hash_max_size",
    ),
    (
        "http server", 1, 1,
        "client_header_buffer_size client_header_timeout connection_pool_size http2_body_preread_size "
        "http2_max_concurrent_streams http2_pool_size http2_streams_index_size ignore_invalid_headers "
        "merge_slashes request_pool_size ssl_ciphers ssl_client_certificate ssl_prefer_server_ciphers "
        "ssl_reject_handshake ssl_session_tickets ssl_session_timeout underscores_in_headers",
    ),
    (
        "http server location if", 1, 1,
        "gzip limit_rate limit_rate_after post_action root sendfile ssi",
    ),
    ("http server server_if location if", 1, 1, "rewrite_log uninitialized_variable_warn"),
    (
        "http", 1, 1,
        "map_hash_bucket_size map_hash_max_size server_names_hash_bucket_size server_names_hash_max_size "
        "variables_hash_bucket_size variables_hash_max_size",
    ),
    ("http server location", 2, 2, "fastcgi_buffers gunzip_buffers gzip_buffers output_buffers proxy_buffers"),
    ("http server location", 1, 4, "client_body_temp_path fastcgi_temp_path proxy_temp_path"),
    ("http server location upstream", 1, 1, "keepalive_requests keepalive_time resolver_timeout"),
    ("http server location", 1, 3, "fastcgi_store_access proxy_store_access"),
    ("http server location limit_except", 1, 1, "auth_basic"),
    ("http server location if", 1, 2, "expires"),
    ("http server location upstream", 1, 2, "keepalive_timeout"),
    ("http server", 2, 2, "large_client_header_buffers"),
    ("http server location", 1, 2, "open_file_cache"),
    ("server location", 1, 1, "referer_hash_bucket_size referer_hash_max_size"),
    ("server location", 2, MANY, "try_files"),
    ("location", 1, 1, "alias"),
    ("location if", 1, 1, "fastcgi_pass"),
    ("location if limit_except", 1, 1, "proxy_pass"),
    ("upstream", 1, 2, "keepalive"),
)  # fmt: skip

_OFTEN: Final = (  # the same for directives that may stand more than once
    ("events", 1, 1, "debug_connection"),
    ("http", 2, 2, "limit_conn_zone"),
    ("http", 2, MANY, "fastcgi_cache_path log_format proxy_cache_path"),
    ("http", 3, 3, "limit_req_zone"),
    ("http server", 1, 1, "ssl_certificate ssl_certificate_key"),
    ("http server", 1, 2, "ssl_session_cache"),
    ("http server", 1, MANY, "ssl_protocols"),
    (
        "http server location", 1, 1,
        "fastcgi_hide_header fastcgi_pass_header fastcgi_split_path_info "
        "proxy_hide_header real_ip_header set_real_ip_from aio directio",
    ),
    ("http server location", 1, 2, "proxy_redirect"),
    ("http server location", 1, 3, "limit_req"),
    (
        "http server location", 1, MANY,
        "fastcgi_cache_bypass fastcgi_cache_use_stale fastcgi_cache_valid fastcgi_ignore_headers "
        "fastcgi_next_upstream fastcgi_no_cache gzip_disable gzip_proxied gzip_types index proxy_cache_bypass "
        "proxy_cache_use_stale proxy_cache_valid proxy_next_upstream proxy_no_cache",
    ),
    ("http server location", 2, 2, "limit_conn proxy_set_header"),
    ("http server location", 2, 3, "fastcgi_param"),
    ("http server location if", 2, 3, "add_header"),
    ("http server location if", 2, MANY, "error_page"),
    ("http server location if limit_except", 1, MANY, "access_log"),
    ("http server location limit_except", 1, 1, "allow deny auth_basic_user_file"),
    ("http server location upstream", 1, MANY, "resolver"),
    ("location", 0, 0, "internal"),
    ("main", 1, 1, "env load_module"),
    ("main", 2, 3, "thread_pool"),
    ("main http server location", 1, MANY, "error_log"),
    ("server", 1, MANY, "listen server_name"),
    ("server location", 1, MANY, "valid_referers"),
    ("server server_if location if", 0, 0, "break"),
    ("server server_if location if", 1, 2, "return"),
    ("server server_if location if", 2, 2, "set"),
    ("server server_if location if", 2, 3, "rewrite"),
)  # fmt: skip

_KNOWN: Final = {
    name: (frozenset(places.split()), fewest, most, groups is _ONCE)
    for groups in (_ONCE, _OFTEN)
    for places, fewest, most, names in groups
    for name in names.split()
}
_NAME: Final = re.compile(r"\w+", re.ASCII)


def place_in(place: str, name: str) -> str:
    """What the block of `name` in `place` is as a place: `server`, ENTRIES, UNKNOWN."""
    elsewhere = ENTRIES if place == UNKNOWN and name in ("map", "geo", "types") else UNKNOWN
    return _BLOCKS[name][2].get(place, elsewhere) if name in _BLOCKS else UNKNOWN


def complaint(
    place: str, name: str, words: tuple[str, ...], block: bool, seen: set[str], around: tuple[str, ...] = ()
) -> str:
    """What nginx says against a directive in `place` with `words` behind its name; nothing if it is content.

    `seen` holds what stands in the same block before it, and takes it in; `around` are the words of the block that it
    stands in (ngx_conf_handler, ngx_conf_set_*_slot, ngx_http_core_location, ngx_http_join_exact_locations).
    """
    if place == ENTRIES:
        return 'unexpected "{"' if block else ""
    if place not in _JUDGED:
        return ""
    if not _NAME.fullmatch(name):
        mark = name.startswith("\ufeff")
        return f"unknown directive: {'a byte order mark' if mark else 'it'} stands in no name of a directive"
    if name == "include" and block:
        return 'directive "include" is not terminated by ";"'
    fewest, most, places = _BLOCKS.get(name, (0, 0, None))
    if places is None or (name == "server" and place == "upstream"):
        return _simple_complaint(place, name, words, block, seen)
    reason = ""
    if place not in places:
        reason = f'"{name}" directive is not allowed here'
    elif not block:
        reason = f'directive "{name}" has no opening "{{"'
    elif not fewest <= len(words) <= most:
        reason = f'invalid number of arguments in "{name}" directive'
    elif name == "location":
        reason = _location_complaint(words, around if place == "location" else None, seen)
    elif name in _SINGLE_BLOCKS and name in seen:
        reason = f'"{name}" directive is duplicate'
    elif name == "upstream" and f"upstream {words[0].lower()}" in seen:
        reason = f"duplicate upstream {quoted(words[0])}"
    seen.add(f"upstream {words[0].lower()}" if name == "upstream" and words else name)
    return reason


def _simple_complaint(place: str, name: str, words: tuple[str, ...], block: bool, seen: set[str]) -> str:
    """The same for a directive without a block."""
    known = _KNOWN.get(name)
    if known is None or (place == "stream" and place not in known[0]):
        return ""
    places, fewest, most, once = known
    if place not in places:
        return f'"{name}" directive is not allowed here'
    if block:
        return f'directive "{name}" is not terminated by ";"'
    if not fewest <= len(words) <= most:
        return f'invalid number of arguments in "{name}" directive'
    if once:
        return _repeat(name, seen)
    if name in ("listen", "log_format"):  # twice, but not with the same first word
        key = f"{name} {words[0]}"
        if key in seen:
            return f"a duplicate {name} {quoted(words[0])}"
        seen.add(key)
    return ""


def _repeat(name: str, seen: set[str]) -> str:
    """What nginx says of a directive that stands in its block once already."""
    if name in seen:
        return f'"{name}" directive is duplicate'
    seen.add(name)
    other = {"root": "alias", "alias": "root"}.get(name)  # one setting to nginx
    return f'"{name}" directive is duplicate, "{other}" directive was specified earlier' if other in seen else ""


def quoted(text: str) -> str:
    """A word of the configuration for a message: in quotes, cut short, signs that do not print left out."""
    return '"' + "".join(sign for sign in text[:200] if sign.isprintable()) + ('..."' if len(text) > 200 else '"')


def location_of(words: tuple[str, ...]) -> tuple[str, str]:
    """The kind of a location (exact, prefix, regex, named) and its name; the kind is empty for an unknown modifier."""
    if len(words) == 2:
        return {"=": "exact", "^~": "prefix", "~": "regex", "~*": "regex"}.get(words[0], ""), words[1]
    name = words[0] if words else ""
    for sign, kind in (("=", "exact"), ("^~", "prefix"), ("~*", "regex"), ("~", "regex")):
        if name.startswith(sign):
            return kind, name[len(sign) :]
    return "named" if name.startswith("@") else "prefix", name


def _location_complaint(words: tuple[str, ...], around: tuple[str, ...] | None, seen: set[str]) -> str:
    """The same for a location, which may stand in another one (`around`) only where requests could come to it."""
    kind, name = location_of(words)
    if not kind:
        return f"invalid location modifier {quoted(words[0])}"
    if around is not None:
        outer_kind, outer = location_of(around)
        if outer_kind in ("exact", "named"):
            return f"location {quoted(name)} cannot be inside the {outer_kind} location {quoted(outer)}"
        if kind == "named":
            return f"named location {quoted(name)} can be on the server level only"
        if kind != "regex" and not name.startswith(outer):
            return f"location {quoted(name)} is outside location {quoted(outer)}"
    key = f"{kind} {name}"
    if kind in ("exact", "prefix") and key in seen:
        return f"duplicate location {quoted(name)}"
    seen.add(key)
    return ""
