# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A host that ran out of memory
#
# A web host with 16 GB of RAM: 20 PHP-FPM children, a MariaDB server, a search index, queue workers, and developers who
# work on it. One morning a few requests grew, and the kernel killed the database. This is the host as it stood, after the
# first repair, and after a second one, each as a bill: what its programs may take, by their own settings, against what the
# host can give.

# %%
# %matplotlib inline
import capacity
from capacity.plots import compared
from capacity.shares import shares
from capacity.units import human

before = capacity.read_host(capacity.example("incident-before"))
before

# %% [markdown]
# ## Before
#
# Every line of the bill is a promise that a setting makes.

# %%
bill = before.bill()
bill.plot().figure

# %%
bill.to_frame().nlargest(5, "bytes")[["service", "name", "count", "each", "bytes", "settings"]]

# %% [markdown]
# Why it was not safe, in numbers: the pool alone may take ten times the RAM, and two busy children are enough.

# %%
fpm, limit = shares(bill)[0], before.service("www").known["memory_limit"]
print(f"{fpm.name} may take {human(fpm.bytes)} of {human(before.memory.mem_total)} RAM:")
print(f"{limit.text} a child, {limit.origin}.")
assert limit.text == "8192M" and fpm.bytes > 10 * before.memory.mem_total
two = before.but({"www.pm.max_children": 2}).bill()
print(f"With two children only it would still be {human(two.total)}, of {human(two.budget.total)} for programs.")
assert two.headroom < 0 and bill.verdict == "over"

# %% [markdown]
# ## After the first fix
#
# The limit of a child went from 8 GiB to 512 MiB, and one of MariaDB's two option files was renamed, so that the other one,
# with a buffer pool of 2G, should take effect.

# %%
first = capacity.read_host(capacity.example("incident-after-first-fix"))
first.bill().plot().figure

# %%
bill = first.bill()
print(f"The bill fell from {human(before.bill().total)} to {human(bill.total)}.")
print(f"The host can give {human(bill.budget.total)}: {human(-bill.headroom)} too little.")
print(f"Swap of {human(bill.budget.swap)} does not cover it, and {human(first.memory.swap_used)} of it are used already.")
assert bill.total < before.bill().total / 5
assert bill.verdict == "over" and -bill.headroom > bill.budget.swap

# %% [markdown]
# And the 2G never arrived: no file includes the folder in which they stand. With the other file gone, the server has its
# built-in default. Should every connection that it allows be opened, the bill is larger still.

# %%
(pool,) = first.settings.of("innodb_buffer_pool_size")
print(f"In force: {human(pool.value)}, {pool.origin}.")
assert pool.value == 128 * 1024**2 and pool.origin.kind == "default"
stray = [finding.message for finding in first.findings() if finding.code == "CAP202"]
print(*stray, sep="\n")
assert "innodb_buffer_pool_size = 2G is never read" in stray
promised = first.bill("promised")
print(f"Promised, with every connection open: {human(promised.total)}.")
assert promised.total > first.bill().total

# %% [markdown]
# ## A second fix
#
# Three things together, as changes of the host that was read. PHP: fewer children, with PHP's ordinary limit.

# %%
php = {"www.pm.max_children": 12, "www.memory_limit": "128M"}

# %% [markdown]
# MariaDB: a buffer pool of 512 MiB on purpose, only as many connections as its clients open, and less for each of them.

# %%
database = {
    "mariadbd.innodb_buffer_pool_size": "512M",
    "mariadbd.max_connections": 30,
    "mariadbd.max_allowed_packet": "4M",
    "mariadbd.tmp_memory_table_size": "4M",
    "mariadbd.table_open_cache": 500,
    "mariadbd.key_buffer_size": "16M",
}

# %% [markdown]
# Walls of the kernel round what has no limit of its own: the developers' sessions, and the queue workers at the 256 MiB
# that each is meant to have.

# %%
walls = {"user.slice.MemoryMax": "2G", "supervisor.service.MemoryMax": "2560M"}

# %%
second = first.but(php | database | walls)
second.bill().plot().figure

# %%
for scenario in ("reachable", "promised"):
    bill = second.bill(scenario)
    share = 100 * bill.used / bill.budget.mem_total
    print(f"{scenario}: {human(bill.total)}, with what the kernel keeps {share:.0f} % of the RAM, {bill.verdict}.")
    assert bill.verdict == "fits" and share < bill.alert == 85

# %% [markdown]
# Safe for the host, then, in both scenarios: everything that is priced stays under the alert line, each limit reached at
# once. It is not free. What runs in the two walls has to make do with them; it holds more than that now, and the kernel
# will kill inside the wall. And what no setting bounds stays outside every sum.

# %%
for wall in second.bill().walls:
    print(f"{wall.service}: what is inside wants {human(wall.relief)} more than its {human(wall.limit)}.")
    assert wall.relief > 0
print(f"Beside the bill: {len(second.exposures())} exposures, such as {second.exposures()[0].what}.")
assert second.exposures()

# %% [markdown]
# No part of it would do alone.

# %%
for name, part in {"PHP": php, "MariaDB": database, "walls": walls}.items():
    bill = first.but(part).bill()
    print(f"{name} alone: {human(bill.total)}, {human(-bill.headroom)} too much, {bill.verdict}.")
    assert bill.headroom < 0

# %% [markdown]
# ## The same host with 512 MiB a child
#
# The limit of the first fix looks moderate. With everything else of the second one in place, it still does not fit.

# %%
half = first.but(php | database | walls | {"www.memory_limit": "512M"})
bill = half.bill()
more = bill.total - second.bill().total
print(f"{human(bill.total)}, with what the kernel keeps {100 * bill.used / bill.budget.mem_total:.0f} % of the RAM.")
assert 100 * bill.used > bill.alert * bill.budget.mem_total and bill.headroom < 0
print(f"12 children of 512 MiB in place of 128 MiB are {human(more)} more;")
print(f"the second fix has {human(second.bill().headroom)} of headroom.")
assert more > 12 * 384 * 1024**2 > second.bill().headroom

# %% [markdown]
# ## All of them against the same RAM

# %%
states = {"before": before, "first fix": first, "second fix with 512M": half, "second fix": second}
bills = {name: host.bill() for name, host in states.items()}
assert [bill.verdict for bill in bills.values()] == ["over", "over", "over", "fits"]
compared(bills).figure
