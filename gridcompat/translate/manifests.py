"""Everything that a site applies to its cluster, as plain objects from pure functions.

What the daemon makes by itself is not here: the GridSite with the next job id, for applying a number
again would hand out ids twice, and the blocks of a GridAccount.  Rights are the least that works, each
with the reason beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gridcompat import __version__
from gridcompat.cluster.base import CONFIG_MAP, GRID_ACCOUNT, GROUP, NAMESPACE
from gridcompat.record import record
from gridcompat.translate.account import ACCOUNT_NAME
from gridcompat.translate.grid_job import JOB_FINALIZER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gridcompat.cluster.base import K8sObject

RBAC = "rbac.authorization.k8s.io"
NAME = "gridcompat-daemon"
USER_ROLE = "gridcompat-user"
VIEWER_ROLE = "gridcompat-viewer"
HOSTS_ROLE = "gridcompat-hosts"
POLICY = "gridcompat-gridjobs"
SETTINGS = "gridcompat-settings"
QUOTA = "gridcompat"
LABELS = {"app.kubernetes.io/name": "gridcompat", "app.kubernetes.io/component": "daemon"}
VERSION_LABEL = {"app.kubernetes.io/version": __version__}
"""On the daemon's pods, too: another version is a rollout. Not in selectors, which cannot change."""
PORT = 8080
RUN_AS = 10001
MOST_LABELS, MOST_NOTE_BYTES = 8, 4096


@record
class Daemon:
    """How a site runs the daemon."""

    namespace: str
    image: str
    settings: str
    """Text of the site's TOML file."""
    accounting_folder: str
    volume: dict[str, Any] | None = None
    """Source of the volume with the accounting file; None is the host's directory of that name."""
    uid: int = RUN_AS
    gid: int = RUN_AS
    pull_policy: str = "IfNotPresent"


def site(daemon: Daemon, definitions: Iterable[K8sObject]) -> list[K8sObject]:
    """Return the objects of an installation, in the order of their creation."""
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": daemon.namespace}},
        *definitions,
        service_account(daemon.namespace),
        *roles(daemon.namespace),
        *policy(),
        {
            **_head(CONFIG_MAP.api_version, CONFIG_MAP.kind, SETTINGS, daemon.namespace),
            "data": {"site.toml": daemon.settings},
        },
        deployment(daemon),
        {
            **_head("policy/v1", "PodDisruptionBudget", NAME, daemon.namespace),
            "spec": {"minAvailable": 1, "selector": {"matchLabels": LABELS}},
        },
    ]


def service_account(namespace: str) -> K8sObject:
    """Return the daemon's account."""
    return _head("v1", "ServiceAccount", NAME, namespace)


def roles(namespace: str) -> list[K8sObject]:
    """Return the roles of daemon, users and viewers, and the bindings that belong to the site itself."""
    subject = {"kind": "ServiceAccount", "name": NAME, "namespace": namespace}
    return [
        _cluster_role(
            NAME,
            # create: a void job takes an id whose submitter died.
            _rule(GROUP, "gridjobs", "get list watch create patch delete"),
            _rule(GROUP, "gridjobs/status", "patch update"),
            _rule(GROUP, "gridaccounts", "get list watch patch"),
            _rule(GROUP, "gridaccounts/status", "patch"),
            _rule(GROUP, "gridsites", "get create patch"),
            _rule("", "pods", "get list watch create patch delete"),
            # The launcher; never read, for its name says what is in it.
            _rule("", "configmaps", "create"),
            # What `kubectl delete gridjob --cascade=orphan` leaves. Never read.
            _rule("", "secrets", "delete"),
            _rule("", "nodes", "get list watch"),
            # Why a volume cannot be had is said in Events only; what happens to a job is told as such.
            _rule("", "events", "get list create patch"),
        ),
        _binding("ClusterRoleBinding", NAME, None, NAME, [subject]),
        {
            **_head(f"{RBAC}/v1", "Role", NAME, namespace),
            "rules": [_rule("coordination.k8s.io", "leases", "get create patch")],
        },
        {
            **_head(f"{RBAC}/v1", "RoleBinding", NAME, namespace),
            "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": NAME},
            "subjects": [subject],
        },
        _cluster_role(
            USER_ROLE,
            # No delete: qdel is an order.
            _rule(GROUP, "gridjobs", "get list watch create patch"),
            _rule(GROUP, "gridaccounts", "get list watch"),
            # The next id and the names of -once; the definition's rules say what may change.
            _rule(GROUP, "gridaccounts/status", "patch update"),
            # Script and environment: qresub, qstat -j and qalter -v read and change them. Who may create a
            # Secret can have it filled with a token of the namespace anyway, so reading gives no more.
            _rule("", "secrets", "get create patch"),
        ),
        _cluster_role(
            VIEWER_ROLE,
            _rule(GROUP, "gridjobs gridaccounts", "get list watch"),
        ),
        _cluster_role(HOSTS_ROLE, _rule("", "nodes", "get list"), _rule(GROUP, "gridsites", "get list")),
        # qhost and qstat -f name the hosts to everybody, as they did on the grid.
        _binding(
            "ClusterRoleBinding",
            HOSTS_ROLE,
            None,
            HOSTS_ROLE,
            [{"apiGroup": RBAC, "kind": "Group", "name": "system:authenticated"}],
        ),
    ]


_PRIORITY_BEFORE = (
    "(request.operation == 'UPDATE' && has(oldObject.spec.priority) ? oldObject.spec.priority : 0)"
)


def _hold(of: str, kind: str) -> str:
    spec = f"{of}.spec"
    return f"(has({spec}.holds) && has({spec}.holds.{kind}) ? {spec}.holds.{kind} : '')"


def policy() -> list[K8sObject]:
    """Return what holds ordinary users' GridJobs to their account: ids, finalizers, owners, sizes."""
    finalizers = f"['{JOB_FINALIZER}']"
    rules = [
        (
            "request.operation != 'CREATE' || (has(params.spec.blocks) && "
            "params.spec.blocks.exists(b, b.first <= object.spec.id && object.spec.id <= b.last))",
            "the id is not within the account's blocks",
        ),
        (
            f"request.operation == 'CREATE' ? (has(object.metadata.finalizers) && "
            f"object.metadata.finalizers == {finalizers}) : "
            "((has(object.metadata.finalizers) ? object.metadata.finalizers : []) == "
            "(has(oldObject.metadata.finalizers) ? oldObject.metadata.finalizers : []))",
            f"a GridJob has the finalizer {JOB_FINALIZER} and keeps it",
        ),
        (
            "!has(object.metadata.ownerReferences) || object.metadata.ownerReferences.size() == 0",
            "a GridJob has no owner",
        ),
        (
            f"!has(object.spec.priority) || object.spec.priority <= {_PRIORITY_BEFORE} || "
            "object.spec.priority <= 0",
            "a priority above 0 is an operator's",
        ),
        *(
            (
                f"{_hold('object', kind)} == "
                f"(request.operation == 'CREATE' ? '' : {_hold('oldObject', kind)})",
                "holds of operators and of the system are theirs",
            )
            for kind in ("operator", "system")
        ),
        *(
            (_few(field), f"at most {MOST_LABELS} {field} of 4 KiB each")
            for field in ("labels", "annotations")
        ),
    ]
    return [
        {
            **_head("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", POLICY, None),
            "spec": {
                "failurePolicy": "Fail",
                "paramKind": {"apiVersion": GRID_ACCOUNT.api_version, "kind": GRID_ACCOUNT.kind},
                "matchConstraints": _matched("CREATE", "UPDATE"),
                "matchConditions": [
                    {
                        # The controller and administrators; they must be able to let go of anything.
                        "name": "not-the-controller",
                        "expression": f"!authorizer.group('{GROUP}').resource('gridjobs')"
                        ".subresource('status').namespace(request.namespace).check('update').allowed()",
                    },
                    {
                        # The garbage collector and the namespace controller take finalizers off.
                        "name": "not-the-cluster-itself",
                        "expression": "!request.userInfo.username"
                        ".startsWith('system:serviceaccount:kube-system:')",
                    },
                ],
                "validations": [
                    {"expression": expression, "message": message} for expression, message in rules
                ],
            },
        },
        _policy_binding(POLICY, "CREATE", without_account="Deny"),
        # Deny would come before the conditions, and keep the controller from letting go of jobs whose account
        # is gone: a namespace that is being deleted would stay for ever.
        _policy_binding(f"{POLICY}-updates", "UPDATE", without_account="Allow"),
    ]


def _policy_binding(name: str, operation: str, *, without_account: str) -> K8sObject:
    return {
        **_head("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", name, None),
        "spec": {
            "policyName": POLICY,
            # Without a namespace: the GridAccount of the GridJob's own.
            "paramRef": {"name": ACCOUNT_NAME, "parameterNotFoundAction": without_account},
            "matchResources": _matched(operation),
            "validationActions": ["Deny"],
        },
    }


def _matched(*operations: str) -> dict[str, Any]:
    return {
        "resourceRules": [
            {
                "apiGroups": [GROUP],
                "apiVersions": ["v1"],
                "resources": ["gridjobs"],
                "operations": list(operations),
                "scope": "*",
            }
        ],
        # The defaults, so that applying again changes nothing.
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
    }


def _few(field: str) -> str:
    at = f"object.metadata.{field}"
    return (
        f"!has({at}) || ({at}.size() <= {MOST_LABELS} && "
        f"{at}.all(k, k.size() + {at}[k].size() <= {MOST_NOTE_BYTES}))"
    )


def deployment(daemon: Daemon) -> K8sObject:
    """Return the Deployment: two replicas, of which one leads."""
    volume = daemon.volume or {"hostPath": {"path": daemon.accounting_folder, "type": "Directory"}}
    probe = {"port": PORT, "scheme": "HTTP"}
    container = {
        "name": "daemon",
        "image": daemon.image,
        "imagePullPolicy": daemon.pull_policy,
        "command": ["gridcompat", "daemon"],
        "env": [
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "GRIDCOMPAT_CONFIG", "value": "/etc/gridcompat/site.toml"},
            {"name": "GRIDCOMPAT_CLUSTER", "value": "kubernetes"},
            {"name": "HOME", "value": "/tmp"},
        ],
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "livenessProbe": {
            "httpGet": {"path": "/healthz", **probe},
            "initialDelaySeconds": 10,
            "periodSeconds": 10,
            "timeoutSeconds": 5,
        },
        "readinessProbe": {
            "httpGet": {"path": "/readyz", **probe},
            "periodSeconds": 5,
            "timeoutSeconds": 5,
        },
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"memory": "1Gi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": "settings", "mountPath": "/etc/gridcompat", "readOnly": True},
            {"name": "accounting", "mountPath": daemon.accounting_folder},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }
    head = _head("apps/v1", "Deployment", NAME, daemon.namespace)
    head["metadata"]["labels"] |= VERSION_LABEL
    return {
        **head,
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": LABELS},
            "template": {
                "metadata": {"labels": {**LABELS, **VERSION_LABEL}},
                "spec": {
                    "affinity": {
                        "podAntiAffinity": {
                            "preferredDuringSchedulingIgnoredDuringExecution": [
                                {
                                    "weight": 100,
                                    "podAffinityTerm": {
                                        "labelSelector": {"matchLabels": LABELS},
                                        "topologyKey": "kubernetes.io/hostname",
                                    },
                                }
                            ]
                        }
                    },
                    "containers": [container],
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": daemon.uid,
                        "runAsGroup": daemon.gid,
                        "fsGroup": daemon.gid,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "serviceAccountName": NAME,
                    "terminationGracePeriodSeconds": 30,
                    "volumes": [
                        {"name": "settings", "configMap": {"name": SETTINGS}},
                        {"name": "accounting", **volume},
                        {"name": "tmp", "emptyDir": {}},
                    ],
                },
            },
        },
    }


@record
class NewAccount:
    """What `gridcompat account add` was told."""

    namespace: str
    owner: str
    uid: int
    gid: int
    group: str = ""
    groups: tuple[int, ...] = ()
    home: str = ""
    volumes: tuple[tuple[str, dict[str, Any]], ...] = ()
    """(path, volume source)"""
    subjects: tuple[tuple[str, str], ...] = ()
    """(User, Group or ServiceAccount, name) that may submit."""
    in_job: str = ""
    """Name of the ServiceAccount that jobs have; "" for none."""
    most_jobs: int = 5000
    """GridJobs at a time, finished ones that are still kept included."""


def account(new: NewAccount) -> list[K8sObject]:
    """Return the objects of one account: GridAccount, rights, quota."""
    spec: dict[str, Any] = {"owner": new.owner, "uid": new.uid, "gid": new.gid}
    if new.group:
        spec["group"] = new.group
    if new.groups:
        spec["groups"] = list(new.groups)
    if new.home:
        spec["home"] = new.home
    if new.volumes:
        spec["volumes"] = [{"path": path, "source": source} for path, source in new.volumes]
    subjects = [_subject(kind, name, new.namespace) for kind, name in new.subjects]
    own: list[K8sObject] = []
    if new.in_job:
        own.append(_head("v1", "ServiceAccount", new.in_job, new.namespace))
        subjects.append(_subject("ServiceAccount", new.in_job, new.namespace))
    return [
        *own,
        {
            **_head(GRID_ACCOUNT.api_version, GRID_ACCOUNT.kind, ACCOUNT_NAME, new.namespace),
            "spec": spec,
        },
        _binding("RoleBinding", USER_ROLE, new.namespace, USER_ROLE, subjects),
        {
            **_head("v1", "ResourceQuota", QUOTA, new.namespace),
            "spec": {
                "hard": {
                    f"count/gridjobs.{GROUP}": str(new.most_jobs),
                    # Some for others: a quota counts every Secret of the namespace.
                    "count/secrets": str(new.most_jobs + 100),
                }
            },
        },
    ]


def namespace(name: str) -> K8sObject:
    """Return a Namespace."""
    return {"apiVersion": NAMESPACE.api_version, "kind": NAMESPACE.kind, "metadata": {"name": name}}


def _subject(kind: str, name: str, of: str) -> dict[str, str]:
    if kind == "ServiceAccount":
        return {"kind": kind, "name": name, "namespace": of}
    return {"apiGroup": RBAC, "kind": kind, "name": name}


def _head(api_version: str, kind: str, name: str, of: str | None) -> K8sObject:
    meta: dict[str, Any] = {"name": name}
    if of is not None:
        meta["namespace"] = of
    meta["labels"] = {"app.kubernetes.io/name": "gridcompat"}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta}


def _cluster_role(name: str, *rules: dict[str, Any]) -> K8sObject:
    return {**_head(f"{RBAC}/v1", "ClusterRole", name, None), "rules": list(rules)}


def _binding(
    kind: str, name: str, of: str | None, role: str, subjects: Sequence[dict[str, str]]
) -> K8sObject:
    return {
        **_head(f"{RBAC}/v1", kind, name, of),
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": list(subjects),
    }


def _rule(group: str, resources: str, verbs: str) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": resources.split(), "verbs": verbs.split()}
