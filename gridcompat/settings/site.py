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
    complex_values: tuple[tuple[str, str], ...] = ()
    """What the host has: (gpu, 2) ... `slots` and `h_vmem` bound what runs on it at a time."""
    processors: int = 0
    """Shown until the node says how many it has."""
    user_lists: tuple[str, ...] = ()
    xuser_lists: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    xprojects: tuple[str, ...] = ()
    usage_scaling: str = "NONE"
    report_variables: str = "NONE"


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
    oticket: int = 0
    fshare: int = 0
    acl: tuple[str, ...] = ()
    """User lists whose members may use it; empty: everybody."""
    xacl: tuple[str, ...] = ()
    """User lists whose members may not."""


@record
class Calendar:
    """A calendar of queues; shown only. Source: calendar_conf(5)."""

    name: str
    year: str = "NONE"
    week: str = "NONE"


@record
class Checkpoint:
    """A checkpointing interface; shown only. Source: checkpoint(5)."""

    name: str
    interface: str = "userdefined"
    ckpt_command: str = "none"
    migr_command: str = "none"
    restart_command: str = "none"
    clean_command: str = "none"
    ckpt_dir: str = "/tmp"
    signal: str = "none"
    when: str = "xs"


@record
class UserList:
    """Users and `@groups`, for queues, environments, projects and quotas. Source: access_list(5)."""

    name: str
    type: str = "ACL"
    fshare: int = 0
    oticket: int = 0
    entries: tuple[str, ...] = ()


@record
class ResourceQuota:
    """A resource quota set; shown only. Source: sge_resource_quota(5)."""

    name: str
    description: str = "NONE"
    enabled: bool = True
    rules: tuple[str, ...] = ()
    """Rules as the grid writes them behind `limit`: `users {*} to slots=4`."""


@record
class HostConfiguration:
    """A host's own lines of configuration; shown only. Source: sge_conf(5)."""

    name: str
    values: tuple[tuple[str, str], ...] = ()


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
