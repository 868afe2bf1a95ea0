"""What can be missing on a Kubernetes cluster, as far as whoever asks may look.

An ordinary user is told of their own rights and of what a submission meets; an administrator also of the
installation.  Nothing is created: submissions are tried as dry runs.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from gridcompat import __version__
from gridcompat.cli._finding import ok, problem, unseen, warning
from gridcompat.errors import Forbidden, NotFound, Unavailable
from gridcompat.translate import manifests
from gridcompat.translate.account import ACCOUNT_NAME, SITE_NAME, blocks_of, next_id

if TYPE_CHECKING:
    from gridcompat.cli._finding import Finding, Found
    from gridcompat.cluster.http import Http
    from gridcompat.cluster.kubeconfig import Access
    from gridcompat.settings import Settings

OLDEST = (1, 30)
SKEW_S, FAR_SKEW_S = 5.0, 60.0
"""A certificate is refused by a clock that is far off."""
FULL, NEARLY = 1.0, 0.9
APPLY = "gridcompat manifests --settings /etc/gridcompat/site.toml | kubectl apply --server-side -f -"
RIGHTS = (
    *(("gridcompat.io", "gridjobs", "", verb) for verb in ("create", "get", "list", "watch", "patch")),
    ("gridcompat.io", "gridaccounts", "", "get"),
    ("gridcompat.io", "gridaccounts", "status", "patch"),
    ("", "secrets", "", "create"),
    ("", "secrets", "", "get"),
)
"""What `gridcompat-user` gives: (group, resource, subresource, verb)."""


class Site:
    """One API server, asked with raw requests; answers are kept."""

    def __init__(self, http: Http, access: Access, settings: Settings, *, daemon_namespace: str) -> None:
        self.http, self.access, self.settings = http, access, settings
        self.namespace, self.daemon_namespace = access.namespace, daemon_namespace
        self._kept: dict[str, Any] = {}

    def get(self, path: str) -> Any:
        """Return what is at a path. Raises what the port raises."""
        if path not in self._kept:
            self._kept[path] = self.http.request("GET", path, repeatable=True)
        return self._kept[path]

    def may(self, group: str, resource: str, subresource: str, verb: str) -> bool:
        """Return whether whoever asks may do that in the namespace."""
        words = {"namespace": self.namespace, "group": group, "resource": resource, "verb": verb}
        if subresource:
            words["subresource"] = subresource
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": words},
        }
        answer = self.http.request(
            "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body, repeatable=True
        )
        return bool(answer["status"]["allowed"])

    def user(self) -> str:
        """Return who the API server takes us for."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = self.http.request(
            "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body, repeatable=True
        )
        return str(answer["status"]["userInfo"]["username"])

    def dry_run(self, job: dict[str, Any]) -> None:
        """Submit without submitting. Raises what the port raises."""
        path = (
            f"/apis/gridcompat.io/v1/namespaces/{self.namespace}/gridjobs?dryRun=All&fieldValidation=Strict"
        )
        self.http.request("POST", path, job, repeatable=True)

    def account(self) -> dict[str, Any]:
        """Return the GridAccount of the namespace."""
        found: dict[str, Any] = self.get(
            f"/apis/gridcompat.io/v1/namespaces/{self.namespace}/gridaccounts/{ACCOUNT_NAME}"
        )
        return found


def server(site: Site) -> Finding:
    """The API server answers, accepts us, and is new enough."""
    try:
        said = site.get("/version")
        who = site.user()
    except Unavailable as error:
        return problem(
            f"the API server does not answer: {error.message}",
            "kubectl cluster-info  # the kubeconfig's server, a firewall, or the server itself",
        )
    except Forbidden as error:
        return problem(error.message, "get a new kubeconfig: this one has expired or is for another cluster")
    version = str(said.get("gitVersion") or "?")
    numbers = tuple(
        int("".join(filter(str.isdigit, str(said.get(part) or 0))) or 0) for part in ("major", "minor")
    )
    if numbers < OLDEST:
        return problem(f"Kubernetes {version} is too old", "upgrade it to 1.30 or newer (admission policies)")
    return ok(f"{site.access.server} is Kubernetes {version} and takes us for {who}")


def clock(site: Site) -> Finding:
    """This machine and the API server agree about the time."""
    from email.utils import parsedate_to_datetime

    site.http.request("GET", "/version", repeatable=True)
    try:
        there = parsedate_to_datetime(site.http.server_date).timestamp()
    except (ValueError, TypeError):
        return unseen("the API server does not tell its time")
    skew = abs(there - time.time())
    if skew > FAR_SKEW_S:
        return problem(f"the clocks differ by {skew:.0f} s", "timedatectl set-ntp true")
    if skew > SKEW_S:
        return warning(f"the clocks differ by {skew:.0f} s", "timedatectl set-ntp true")
    return ok("the clocks agree")


def definitions(site: Site) -> Found:
    """Our kinds are served, as this version has them."""
    import yaml

    from gridcompat.cluster import definitions as ours

    found = []
    for plural in ours.CUSTOM:
        name = f"{plural}.gridcompat.io"
        try:
            there = site.get(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
        except NotFound:
            found.append(problem(f"the definition {name} is not installed", APPLY))
            continue
        except Forbidden:
            return _served(site)
        wanted = yaml.safe_load(ours.yaml_text(plural))["spec"]
        if not contains(there["spec"], wanted):
            found.append(problem(f"the definition {name} is of another version than {__version__}", APPLY))
    return found or ok(f"the definitions are those of gridcompat {__version__}")


def _served(site: Site) -> Finding:
    """For whoever may not read definitions: whether the kinds are there."""
    try:
        site.get("/apis/gridcompat.io/v1")
    except NotFound:
        return problem("the definitions are not installed", APPLY)
    return ok("the kinds of gridcompat are served")


def contains(there: Any, wanted: Any) -> bool:
    """Return whether everything that is wanted is there; the API server adds its defaults."""
    if isinstance(wanted, dict):
        return isinstance(there, dict) and all(contains(there.get(key), wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        same = isinstance(there, list) and len(there) == len(wanted)
        return same and all(contains(*pair) for pair in zip(there, wanted, strict=True))
    return bool(there == wanted)


def rights(site: Site) -> Finding:
    """Whoever asks may submit in the kubeconfig's namespace."""
    missing = [right for right in RIGHTS if not site.may(*right)]
    if not missing:
        return ok(f"submitting to namespace {site.namespace} is allowed")
    words = ", ".join(f"{verb} {'/'.join(filter(None, of))}" for _, *of, verb in missing)
    return problem(
        f"no right in namespace {site.namespace} to {words}: the role {manifests.USER_ROLE} is not bound",
        bind(site),
    )


def bind(site: Site) -> str:
    """Return the command that gives whoever asks the rights of a submitter."""
    who = site.user()
    return (
        f"kubectl -n {site.namespace} create rolebinding {manifests.USER_ROLE}-{_word(who)} "
        f"--clusterrole={manifests.USER_ROLE} --user={who}"
    )


def _word(text: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in text.lower()).strip("-") or "user"


def account(site: Site) -> Found:
    """The namespace has an account, with ids, and it is ours."""
    try:
        there = site.account()
    except NotFound:
        return problem(
            f"the namespace {site.namespace} has no GridAccount",
            f"gridcompat account add OWNER --namespace {site.namespace} --uid UID --gid GID --home HOME "
            "| kubectl apply --server-side -f -",
        )
    except Forbidden:
        return unseen(f"the GridAccount of namespace {site.namespace}")
    found = []
    if next_id(there) is None:
        used = "are used up" if blocks_of(there) else "were never given"
        found.append(problem(f"the ids of the account {used}", "see that a daemon leads: it hands them out"))
    uid = there["spec"].get("uid")
    if os.getuid() not in (0, uid):
        found.append(
            warning(
                f"jobs run as uid {uid}, this is uid {os.getuid()}: their files belong to another user",
                f"kubectl -n {site.namespace} edit gridaccount {ACCOUNT_NAME}  # correct uid",
            )
        )
    home = there["spec"].get("home")
    if not home:
        found.append(
            warning(
                "the account has no home, so output files are lost",
                f"kubectl -n {site.namespace} patch gridaccount {ACCOUNT_NAME} --type=merge "
                '-p \'{"spec":{"home":"/home/NAME"}}\'',
            )
        )
    elif not os.path.isdir(home):
        found.append(warning(f"the account's home {home} is not on this host", f"mount {home} here, too"))
    return found or ok(f"the account of {there['spec']['owner']} has the next id {next_id(there)}")


def grid_site(site: Site) -> Finding:
    """The daemon has worked here once: it makes the GridSite."""
    try:
        there = site.get(f"/apis/gridcompat.io/v1/gridsites/{SITE_NAME}")
    except NotFound:
        return problem(
            "there is no GridSite: no daemon has ever given ids to an account",
            f"kubectl -n {site.daemon_namespace} logs deployment/{manifests.NAME}",
        )
    except Forbidden:
        return unseen("the GridSite")
    return ok(f"the next block of ids begins at {there['spec']['nextId']}")


def quota(site: Site) -> Found:
    """There is a quota, and room below it."""
    try:
        there = site.get(f"/api/v1/namespaces/{site.namespace}/resourcequotas")["items"]
    except Forbidden:
        return unseen(f"the quotas of namespace {site.namespace}")
    found, names = [], []
    for one in there:
        name, status = one["metadata"]["name"], one.get("status") or {}
        names.append(name)
        for what, most in (status.get("hard") or {}).items():
            limit, used = _number(most), _number(status.get("used", {}).get(what))
            share = used / limit if limit else FULL
            raise_it = f"kubectl -n {site.namespace} edit resourcequota {name}"
            if share >= FULL:
                found.append(problem(f"the quota {name} is used up: {most} {what}", raise_it))
            elif share >= NEARLY:
                found.append(warning(f"the quota {name} is nearly used up: {share:.0%} of {what}", raise_it))
    if manifests.QUOTA not in names:
        found.append(
            warning(
                f"the namespace {site.namespace} has no quota {manifests.QUOTA}: one account can fill etcd",
                f"gridcompat account add ... --namespace {site.namespace} | kubectl apply --server-side -f -",
            )
        )
    return found or ok("the quotas have room")


def _number(text: Any) -> float:
    from gridcompat.cluster.quantity import quantity

    return quantity(text or "0") or 0.0
