"""What a grid's administration holds beside queues: hosts, groups, projects, calendars, lists, quotas.

Only imported when the settings have any of it, for the commands of a plain site shall not pay for it.
The fields are those of the grid's own pages and stand in the order in which qconf shows them.
"""

from __future__ import annotations

from gridcompat.record import record


@record
class ExecHost:
    """An execution host: a node of the cluster by this name. Source: host_conf(5)."""

    name: str
    """`global` is no host: what it has, all hosts share."""
    load_scaling: str = "NONE"
    """Shown only."""
    complex_values: tuple[tuple[str, str], ...] = ()
    """What the host has: (gpu, 2) ... Consumables, `slots` and `h_vmem` among them, are counted."""
    processors: int = 0
    """Shown until the node says how many it has."""
    user_lists: tuple[str, ...] = ()
    """Only members of these `[[user_list]]`s run there; empty: everybody."""
    xuser_lists: tuple[str, ...] = ()
    """Members of these do not."""
    projects: tuple[str, ...] = ()
    """Only jobs of these projects run there; empty: all jobs."""
    xprojects: tuple[str, ...] = ()
    """Jobs of these projects do not."""
    usage_scaling: str = "NONE"
    """Shown only."""
    report_variables: str = "NONE"
    """Shown only."""


@record
class HostGroup:
    """A host group. Source: hostgroup(5)."""

    name: str
    """With the @."""
    hostlist: tuple[str, ...] = ()
    """Hosts and host groups."""


@record
class Project:
    """A project, which `-P` names. Source: project(5)."""

    name: str
    """As -P names it."""
    oticket: int = 0
    """Shown only."""
    fshare: int = 0
    """Shown only."""
    acl: tuple[str, ...] = ()
    """User lists whose members may use it; empty: everybody."""
    xacl: tuple[str, ...] = ()
    """User lists whose members may not."""


@record
class Calendar:
    """A calendar of queues. Source: calendar_conf(5)."""

    name: str
    """As a queue's `calendar` names it."""
    year: str = "NONE"
    """Days and times of the year: `25.12.2026=off`."""
    week: str = "NONE"
    """Days and times of the week: `mon-fri=8-18=off`."""


@record
class Checkpoint:
    """A checkpointing interface; shown only. Source: checkpoint(5)."""

    name: str
    """As -ckpt names it."""
    interface: str = "userdefined"
    """Shown only, as all that follows."""
    ckpt_command: str = "none"
    """See interface."""
    migr_command: str = "none"
    """See interface."""
    restart_command: str = "none"
    """See interface."""
    clean_command: str = "none"
    """See interface."""
    ckpt_dir: str = "/tmp"
    """See interface."""
    signal: str = "none"
    """See interface."""
    when: str = "xs"
    """See interface."""


@record
class UserList:
    """Users and `@groups`, for queues, environments, projects and quotas. Source: access_list(5)."""

    name: str
    """As queues, environments, projects and quotas name it."""
    type: str = "ACL"
    """`ACL`, `DEPT` or `ACL DEPT`; shown only."""
    fshare: int = 0
    """Shown only."""
    oticket: int = 0
    """Shown only."""
    entries: tuple[str, ...] = ()
    """Names of users, and of groups with an @."""


@record
class ResourceQuota:
    """A resource quota set. Source: sge_resource_quota(5)."""

    name: str
    """As `qquota` shows it."""
    description: str = "NONE"
    """For people."""
    enabled: bool = True
    """Whether it counts."""
    rules: tuple[str, ...] = ()
    """Rules as the grid writes them behind `limit`: `users {*} to slots=4`."""


@record
class HostConfiguration:
    """A host's own lines of configuration; shown only. Source: sge_conf(5)."""

    name: str
    """Of the host."""
    values: tuple[tuple[str, str], ...] = ()
    """Lines of it: (name, value) ..."""


RECORDS: dict[str, tuple[str, type]] = {
    "host": ("hosts", ExecHost),
    "host_group": ("host_group_details", HostGroup),
    "project": ("project_details", Project),
    "calendar": ("calendar_details", Calendar),
    "checkpoint": ("checkpoint_details", Checkpoint),
    "user_list": ("user_lists", UserList),
    "resource_quota": ("resource_quotas", ResourceQuota),
    "host_configuration": ("host_configurations", HostConfiguration),
}
"""Array of tables in the file → the field it fills, and the record of one."""

NAMED = {
    "host_groups": "host_group_details",
    "projects": "project_details",
    "calendars": "calendar_details",
    "checkpoints": "checkpoint_details",
}
"""Lists of names, and the tables whose names are among them."""
