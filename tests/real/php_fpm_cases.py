"""Configurations of php-fpm.conf and its pools that are started with the real php-fpm: streams, rules, segments."""

from __future__ import annotations

from tests.real.fpm import POOL_USER
from tests.real.php_cases import BARE_POOL, OPCACHE, Case, pool

APCU: dict[str, str | bytes] = {"20-apcu.ini": "extension=apcu.so\n"}

STREAM = [
    Case("last_directive_wins", pool(extra="pm.max_children = 4\n")),
    Case(
        "pool_in_two_files",
        main="include={dir}/b.conf\ninclude={dir}/a.conf\n",
        files={"a.conf": "[WWW]\npm.max_children = 5\n", "b.conf": pool()},
    ),
    Case(
        "first_admin_of_two_files_wins",
        main="include={dir}/p/*.conf\n",
        files={
            "p/1.conf": pool(extra="php_admin_value[memory_limit] = 61M\n"),
            "p/2.conf": "[www]\nphp_admin_value[memory_limit] = 62M\npm.max_children = 3\n",
        },
    ),
    Case(
        "include_order",
        main="include={dir}/p/*.conf\n",
        files={
            f"p/{name}": (pool() if name == "10.conf" else "[www]\n")
            + f"env[F_{index}] = x\npm.max_children = {index + 1}\n"
            for index, name in enumerate(
                ["B.conf", "a.conf", "9.conf", "10.conf", ".hidden.conf", "z.conf.bak", "_.conf"]
            )
        },
    ),
    Case("global_behind_the_include", main="include={dir}/pool.conf\nprocess.max = 3\n", pools=pool()),
    Case("global_header_behind_the_include", main="include={dir}/pool.conf\n[global]\nprocess.max = 3\n", pools=pool()),
    Case(
        "file_without_a_header_goes_on",
        main=pool() + "include={dir}/more.conf\n",
        files={"more.conf": "pm.max_children = 3\n"},
    ),
    Case("nothing_matches", main="include={dir}/*.none\n" + pool()),
    Case("directory_of_wildcard_missing", main="include={dir}/none/*.conf\n" + pool()),
    Case(
        "wildcard_in_the_directory",
        main="include={dir}/*/x.conf\n" + pool(),
        files={"a/x.conf": "[www]\n", "b/y.conf": "#"},
    ),
    Case("wildcard_below_a_file", main="include={dir}/file/*.conf\n" + pool(), files={"file": ""}),
    Case("file_missing", main="include={dir}/none.conf\n" + pool()),
    Case("file_and_directory_missing", main="include={dir}/none/none.conf\n" + pool()),
    Case(
        "dangling_link_that_fits",
        main="include={dir}/p/*.conf\n" + pool(),
        files={"p/x": ""},
        links={"p/a.conf": "none"},
    ),
    Case("dangling_link_named", main="include={dir}/a.conf\n" + pool(), links={"a.conf": "none"}),
    Case(
        "looping_link_that_fits",
        main="include={dir}/p/*.conf\n" + pool(),
        files={"p/x": ""},
        links={"p/a.conf": "a.conf"},
    ),
    Case("directory_that_fits", main="include={dir}/p/*.conf\n" + pool(), files={"p/x.conf/y": ""}),
    Case("empty_include", main="include=\n" + pool()),
    Case("include_of_itself", main=pool() + "include={dir}/php-fpm.conf\n"),
    Case(
        "four_levels",
        main="include={dir}/1\n",
        files={**{str(n): f"include={{dir}}/{n + 1}\n" for n in range(1, 4)}, "4": pool()},
    ),
    Case(
        "five_levels",
        main="include={dir}/1\n",
        files={**{str(n): f"include={{dir}}/{n + 1}\n" for n in range(1, 5)}, "5": pool()},
    ),
    Case(
        "relative_include_is_below_the_prefix", main="include=pool.conf\n" + pool(), files={"pool.conf": "nonsense\n"}
    ),
    Case(
        "relative_include_with_prefix",
        main="include=sub/pool.conf\n",
        args=["-p", "{dir}"],
        files={"sub/pool.conf": pool(), "log/x": ""},
    ),
    Case("prefix_without_a_log_directory", main=pool(), args=["-p", "{dir}"]),
    Case("relative_error_log", main="error_log = log/none/x.log\n" + pool()),
    Case("empty_error_log", main="error_log =\n" + pool()),
    Case("error_log_is_a_directory", main="error_log = /tmp\n" + pool()),
    Case("error_log_to_syslog", main="error_log = SysLog\n" + pool(), quiet=True),
    Case(
        "relative_listen_with_prefix",
        pool(extra="prefix = {dir}\n").replace("{dir}/www.s", "sub/www.s"),
        files={"sub/x": ""},
    ),
    Case("relative_listen_without_directory", pool(extra="prefix = {dir}\n").replace("{dir}/www.s", "sub/www.s")),
    Case(
        "dollar_prefix_in_chroot", pool(extra="prefix = {dir}\nchroot = $prefix/sub\n"), files={"sub/x": ""}, ask=False
    ),
    Case("dollar_prefix_in_chroot_missing", pool(extra="prefix = {dir}\nchroot = $prefix/sub\n")),
    Case("chdir_in_chroot", pool(extra="chroot = {dir}\nchdir = /sub\n"), files={"sub/x": ""}, ask=False),
    Case("chdir_outside_chroot", pool(extra="chroot = {dir}\nchdir = /usr\n")),
    Case("dollar_prefix_inside_chroot", pool(extra="chroot = x$prefix\n")),
    Case("listen_on_port_zero", pool().replace("{dir}/www.s", "127.0.0.1:0")),
    Case("listen_on_a_port", pool().replace("{dir}/www.s", "127.0.0.1:39117"), ask=False),
    Case("acl_user_unknown", pool(extra="listen.acl_users = nosuchone\n")),
    Case("acl_users", pool(extra="listen.acl_users = www-data,root\n")),
    Case("empty_pool_name", pool("").replace("/.s", "/p.s")),
    Case("array_setting_in_php_ini", pool(), ini="memory_limit = 60M\nmemory_limit[] = 64M\n"),
    Case(
        "escaped_quote_at_line_end", pool(extra='php_value[foo] = "C:\\path\\"\nphp_admin_value[memory_limit] = 64M\n')
    ),
    Case("blank_before_a_pool_header", pool().replace("[www]", " [www]")),
    Case("tab_before_a_pool_header", pool().replace("[www]", "\t[www]")),
    Case("systemd_interval_zero", main="systemd_interval = 0\n" + pool()),
    Case(
        "access_format_good",
        pool(extra='access.log = {dir}/a.log\naccess.format = "%R %{mega}M %{HTTP_X}e %t %{%H}T 100%"\n'),
    ),
    Case("access_format_other_word", pool(extra='access.log = {dir}/a.log\naccess.format = "%{mega}d"\n')),
    Case("access_format_without_a_name", pool(extra='access.log = {dir}/a.log\naccess.format = "%e"\n')),
    Case("access_format_with_a_word", pool(extra='access.log = {dir}/a.log\naccess.format = "%{x}m"\n')),
    Case("access_format_unfinished", pool(extra='access.log = {dir}/a.log\naccess.format = "%{mega}"\n')),
    Case("access_format_wrong", pool(extra="access.log = {dir}/a.log\naccess.format = %Z\n")),
    Case("extension_missing", pool(), ini="extension = nosuch\nmemory_limit = 60M\n"),
    Case("extension_in_a_pool", pool(extra="php_admin_value[extension] = nosuch\n")),
    Case("two_includes_on_one_line", main="include={dir}/pool.conf\rinclude={dir}/pool.conf\n", pools=pool()),
    Case(
        "pool_name_in_values",
        pool(extra="php_admin_value[memory_limit] = 6$pool\nchdir = /$pool\n")
        .replace("www", "4M")
        .replace("/$pool", "/"),
    ),
    Case("pool_name_in_include", main="[p]\ninclude={dir}/$pool.conf\n" + pool(), files={"p.conf": "nonsense\n"}),
    Case("pool_name_in_global", main="[global]\npid = {dir}/$pool.pid\n" + pool()),
    Case("several_pools", pool("a") + pool("b", "php_admin_value[memory_limit]=64M\n") + pool("c", children="1")),
    Case("process_max", main="process.max = 3\n" + pool("a") + pool("b")),
    Case("pools_in_the_main_file", main=pool(extra="php_admin_value[memory_limit] = 64M\n")),
    Case("environment_array", pool(extra="env[A] = $PATH\nclear_env = no\n")),
]

RULES = [
    Case("no_pool", main="[global]\n"),
    Case("empty_main_file", main=""),
    Case("no_listen", f"[www]\n{POOL_USER}pm=static\npm.max_children=1\n"),
    Case("no_pm", BARE_POOL + "pm.max_children=1\n"),
    Case("no_user", "[www]\nlisten={dir}/s\npm=static\npm.max_children=1\n"),
    Case("no_user_but_allowed", "[www]\nlisten={dir}/www.s\npm=static\npm.max_children=1\n", args=["-R"]),
    Case("user_root", pool().replace("www-data", "root")),
    Case("user_root_but_allowed", pool().replace("www-data", "root"), args=["-R"]),
    Case("group_root", pool().replace("group = www-data", "group = root")),
    Case("user_unknown", pool().replace("user = www-data", "user = nosuchone")),
    Case("group_unknown", pool().replace("group = www-data", "group = nosuchone")),
    Case("user_by_number", pool().replace("user = www-data", "user = 33")),
    Case("user_by_number_without_account", pool().replace("user = www-data\ngroup = www-data", "user = 54321")),
    Case("user_empty", pool().replace("user = www-data\ngroup = www-data", "user =")),
    Case("listen_owner_unknown", pool(extra="listen.owner = nosuchone\n")),
    *(
        Case(f"max_children_{name}", pool(children=text))
        for name, text in {
            "zero": "0",
            "negative": "-3",
            "empty": "",
            "fraction": "1.5",
            "suffix": "8M",
            "hexadecimal": "0x10",
            "minus": "-",
            "leading_zero": "02",
            "quoted": '"3"',
            "wrapped_to_negative": "4294967295",
            "wrapped": "4294967299",
        }.items()
    ),
    Case("no_max_children", BARE_POOL + "pm=static\n"),
    Case("pm_in_other_case", pool(manager="STATIC")),
    Case("pm_unknown", pool(manager="auto")),
    Case("dynamic", pool(manager="dynamic", children="7", extra="pm.min_spare_servers=2\npm.max_spare_servers=7\n")),
    Case("dynamic_without_spares", pool(manager="dynamic", children="7")),
    Case(
        "spares_over_max",
        pool(manager="dynamic", children="3", extra="pm.min_spare_servers=2\npm.max_spare_servers=4\n"),
    ),
    Case(
        "spares_turned", pool(manager="dynamic", children="7", extra="pm.min_spare_servers=4\npm.max_spare_servers=2\n")
    ),
    Case(
        "start_outside",
        pool(
            manager="dynamic",
            children="7",
            extra="pm.min_spare_servers=2\npm.max_spare_servers=4\npm.start_servers=5\n",
        ),
    ),
    *(
        Case(
            f"start_at_{start}",
            pool(
                manager="dynamic",
                children="4",
                extra=f"pm.min_spare_servers=2\npm.max_spare_servers=4\npm.start_servers={start}\n",
            ),
        )
        for start in (1, 2, 4)
    ),
    Case("spares_ignored_under_static", pool(extra="pm.min_spare_servers=20\npm.max_spare_servers=4\n")),
    Case("ondemand", pool(manager="ondemand", children="9", extra="pm.process_idle_timeout = 1m\n")),
    Case("ondemand_without_idle_time", pool(manager="ondemand", extra="pm.process_idle_timeout = 0\n")),
    Case("ondemand_under_poll", main="events.mechanism = poll\n" + pool(manager="ondemand")),
    Case("mechanism_unknown", main="events.mechanism = magic\n" + pool()),
    Case("one_listen_for_two", pool("a") + pool("b").replace("/b.s", "/a.s")),
    Case(
        "one_relative_listen_for_two",
        pool("a").replace("{dir}/a.s", "x/../a.s") + pool("b").replace("{dir}/b.s", "/usr/x/../a.s"),
    ),
    Case("status_listen", pool(extra="pm.status_listen = {dir}/status.s\n")),
    Case("status_listen_taken", pool(extra="pm.status_listen = {dir}/www.s\n")),
    Case("status_path_relative", pool(extra="pm.status_path = status\n")),
    Case("status_path_short", pool(extra="pm.status_path = /\n")),
    Case("ping_path_with_a_blank", pool(extra="ping.path = /a b\n")),
    Case("unknown_directive", pool(extra="mergency_restart_threshold = 10\n")),
    Case("unknown_array", pool(extra="php_admin_values[memory_limit] = 64M\n")),
    Case("array_in_other_case", pool(extra="PHP_VALUE[memory_limit] = 64M\n")),
    Case("array_in_global", main="[global]\nphp_value[memory_limit] = 64M\n" + pool()),
    Case("array_without_a_key", pool(extra="php_value[] = 64M\n")),
    Case("php_value_without_brackets", pool(extra="php_value = 64M\n")),
    Case("array_without_a_value", pool(extra="php_value[memory_limit]\n")),
    Case("empty_environment", pool(extra="env[X] =\n")),
    Case("suppress_path", pool(extra="access.suppress_path[] = /ping\n")),
    Case("suppress_path_relative", pool(extra="access.suppress_path[] = ping\n")),
    Case("time_with_another_suffix", pool(extra="request_terminate_timeout = 10x\n")),
    Case("time_in_hours", pool(extra="request_terminate_timeout = 1h\n")),
    Case("switch_with_another_word", pool(extra="catch_workers_output = maybe\n")),
    Case("switch_in_other_case", pool(extra="catch_workers_output = YES\n")),
    Case("quoted_switch_in_other_case", pool(extra='catch_workers_output = "YES"\n')),
    Case("log_level_unknown", main="log_level = loud\n" + pool()),
    Case("log_limit_low", main="log_limit = 100\n" + pool()),
    Case("process_max_negative", main="process.max = -1\n" + pool()),
    Case("priority_outside", pool(extra="process.priority = 30\n")),
    Case("slowlog_missing", pool(extra="request_slowlog_timeout = 5\n")),
    Case(
        "slow_over_terminate",
        pool(extra="slowlog={dir}/slow\nrequest_slowlog_timeout=9\nrequest_terminate_timeout=5\n"),
    ),
    Case("chdir_missing", pool(extra="chdir = /nonexistent\n")),
    Case("chroot_missing", pool(extra="chroot = /nonexistent\n")),
    Case("prefix_missing", pool(extra="prefix = /nonexistent\n")),
    Case("directory_of_socket_missing", pool().replace("{dir}/www.s", "/nonexistent/www.s")),
    Case("directory_of_error_log_missing", main="error_log = /nonexistent/log\n" + pool()),
    Case("directory_of_access_log_missing", pool(extra="access.log = /nonexistent/log\n")),
    Case("rlimit_core_unlimited", pool(extra="rlimit_core = unlimited\n")),
    Case("rlimit_core_negative", pool(extra="rlimit_core = -2\n")),
    Case("set_fib_is_not_of_linux", pool(extra="listen.setfib = 1\n")),
]

OPCACHES = [
    Case("opcache_default", pool(), scan=OPCACHE),
    Case("opcache_64", pool(), scan=OPCACHE, ini="opcache.memory_consumption = 64\n"),
    Case("opcache_64M", pool(), scan=OPCACHE, ini="opcache.memory_consumption = 64M\n"),
    Case("opcache_too_small", pool(), scan=OPCACHE, ini="opcache.memory_consumption = 7\n"),
    Case("opcache_negative", pool(), scan=OPCACHE, ini="opcache.memory_consumption = -1\n"),
    Case("opcache_word", pool(), scan=OPCACHE, ini="opcache.memory_consumption = lots\n"),
    Case(
        "opcache_in_a_pool",
        pool(extra="php_admin_value[opcache.memory_consumption] = 256\n"),
        scan=OPCACHE,
        ini="opcache.memory_consumption = 32\n",
    ),
    Case("opcache_by_define", pool(), scan=OPCACHE, args=["-d", "opcache.memory_consumption=48"]),
    Case("opcache_switched_off", pool(), scan=OPCACHE, ini="opcache.enable = x\n"),
    Case("opcache_switched_on_by_a_quoted_word", pool(), scan=OPCACHE, ini='opcache.enable = "On"\n'),
    Case("opcache_beyond_32_bits", pool(), scan=OPCACHE, ini="opcache.memory_consumption = 4294967336\n"),
    *(
        Case(f"apcu_{size}", pool(), scan=APCU, ini=f"apc.shm_size = {size}\n")
        for size in ("64", "64M", "33554432", "0", "-5", "lots", "1M", "100MB", "1.5M")
    ),
    Case("apcu_default", pool(), scan=APCU),
    Case("apcu_switched_off", pool(), scan=APCU, ini="apc.enabled = no\n"),
    *(
        Case(f"jit_buffer_{size}", pool(), scan=OPCACHE, ini=f"opcache.jit_buffer_size = {size}\n")
        for size in ("64M", "-1", "1.5M", "0", "16384K")
    ),
]
