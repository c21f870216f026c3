"""The lead broker itself: state, certificate, topology, links, address, and versions. Pure.

Sources: flux-broker-attributes(7), flux-config-bootstrap(5), flux-config-tbon(5).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from overspill_agent.doctor.config_tables import table
from overspill_agent.doctor.finding import Finding
from overspill_agent.topology import burst_topology
from overspill_shared.errors import ConfigError

if TYPE_CHECKING:
    from overspill_agent.doctor.examination import CurveCertFile
    from overspill_agent.ports import InstanceFacts, InstanceHealth

OTHERS: Final = 0o077
"""What group and others may do: a broker refuses a certificate that they can read."""

_VERSION: Final = re.compile(r"(?<![\d.])v?(\d+)\.(\d+)\.\d+")
_CERT_CONFIG: Final = '[bootstrap]\ncurve_cert = "/etc/flux/curve.cert"\n'
_TOPOLOGY_CONFIG: Final = '[tbon]\ntopo = "kary:0"\n'
_LINK_CONFIG: Final = '[tbon]\ntcp_user_timeout = "2m"\n'


def check_state_directory(health: InstanceHealth) -> Finding:
    """Find an instance that forgets its bursts when it restarts."""
    code = "statedir"
    if health.state_directory is not None:
        return Finding.ok(code, f"The instance keeps its state in {health.state_directory}.")
    return Finding.error(
        code,
        "The instance has no state directory: when the lead restarts, jobs and the records of bursts are lost, and"
        " started queues are stopped again.",
        remedy="Start the lead with -Sstatedir=DIR, a directory that exists and outlives it.",
    )


def check_curve_cert(cert: CurveCertFile) -> Finding:
    """Find a certificate that the agent cannot read, or that others can."""
    code = "curve-cert"
    if cert.path is None:
        return Finding.error(
            code,
            "bootstrap.curve_cert is not set: burst nodes have nothing to authenticate with.",
            remedy="Make one with `flux keygen`, name it, and restart the lead.",
            config=_CERT_CONFIG,
        )
    if cert.mode is None or not cert.is_readable:
        reason = "does not exist here" if cert.mode is None else "cannot be read by this user"
        return Finding.error(
            code,
            f"bootstrap.curve_cert: {cert.path} {reason}.",
            remedy="Run the agent as the owner of the Flux instance, where this file is in place.",
        )
    if cert.mode & OTHERS:
        return Finding.error(
            code,
            f"{cert.path} has mode {cert.mode:04o}: others may read the key, and brokers refuse to start with it.",
            remedy=f"Run `chmod 600 {cert.path}`; if others could read it, make a new one with `flux keygen`.",
        )
    return Finding.ok(code, f"The curve certificate {cert.path} is readable, and private.")


def check_topology(facts: InstanceFacts, burst_property: str) -> Finding:
    """Find a tree in which burst brokers would have to dial others than rank 0."""
    code = "topology"
    try:
        burst_topology(facts, burst_property=burst_property)
    except ConfigError as exc:
        return Finding.of_error(code, exc, config=_TOPOLOGY_CONFIG)
    return Finding.ok(code, "The overlay is flat where it matters: burst brokers dial rank 0.")


def check_link_timeout(facts: InstanceFacts) -> Finding:
    """Find a lead that gives a link up after Flux's 20 s."""
    code = "link-timeout"
    if (timeout := table(facts.config, "tbon").get("tcp_user_timeout")) is not None:
        return Finding.ok(code, f"The lead gives a silent link up after {timeout}.")
    return Finding.warning(
        code,
        "tbon.tcp_user_timeout is not set: the lead gives a link up after 20 s, and every job on it fails.",
        remedy="A link over a wide area network needs to survive a short break: set it, and restart the lead.",
        config=_LINK_CONFIG,
    )


def check_identity(refusal: ConfigError | None) -> Finding:
    """Find a lead that burst nodes cannot be told to dial, or that the functions cannot be told about."""
    code = "lead-address"
    if refusal is None:
        return Finding.ok(code, "The functions can be told who this instance is, and where to dial it.")
    if refusal.code == "topology":
        return Finding.skipped(code, "Where to dial the lead was not looked at: its topology comes first.")
    config = '[bootstrap]\nhosts = [{ host = "lead-0", connect = "tcp://lead.example.com:8050" }]\n'
    return Finding.of_error(code, refusal, config=config if refusal.code == code else "")


def check_image_version(facts: InstanceFacts, view_image: str) -> Finding:
    """Find an image that brings another Flux than the lead's: brokers of another MAJOR.MINOR are refused."""
    code = "image-version"
    match = _VERSION.search(view_image.partition("@")[0].rpartition("/")[2].partition(":")[2])
    lead = facts.flux_version
    if match is None:
        return Finding.warning(
            code,
            f"The tag of view_image {view_image} does not tell its Flux version; the lead runs {lead}.",
            remedy=f"See that it brings Flux {_release(lead)}.x, with prefix {facts.prefix}; better, use an image whose"
            " tag tells, by view_image in the agent's settings.",
        )
    if f"{match[1]}.{match[2]}" == _release(lead):
        return Finding.ok(code, f"view_image {view_image} brings the lead's Flux, {_release(lead)}.")
    return Finding.error(
        code,
        f"view_image {view_image} brings Flux {match[1]}.{match[2]}, the lead runs {lead}: its brokers are refused.",
        remedy=f"Set view_image in the agent's settings to an image with Flux {_release(lead)}.",
    )


def check_bindings(facts: InstanceFacts, health: InstanceHealth) -> Finding:
    """Find bindings of another release than the broker."""
    code = "bindings"
    if health.bindings_version is None:
        return Finding.skipped(code, "The bindings' version is not known.")
    if _release(health.bindings_version) == _release(facts.flux_version):
        return Finding.ok(code, f"Flux's Python bindings are the broker's, {_release(facts.flux_version)}.")
    return Finding.warning(
        code,
        f"Flux's Python bindings are {health.bindings_version}, the broker is {facts.flux_version}.",
        remedy="Install the bindings of the broker's release (see `flux env`).",
    )


def _release(version: str) -> str:
    return ".".join(re.split(r"[.-]", version)[:2])
