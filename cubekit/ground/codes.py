"""Every error code with its title, in one place. Each has a page ``docs/errors/<code>.md``; a test sees to it."""

from __future__ import annotations

__all__ = ["TITLES"]

TITLES: dict[str, str] = {
    # 1xx: the service file
    "CK101": "file cannot be read",
    "CK102": "not valid TOML",
    "CK103": "unknown key",
    "CK104": "wrong value",
    "CK105": "molecule cannot be included",
    "CK106": "override cannot be applied",
    "CK107": "secret is missing",
    "CK108": "secret written as a value",
    "CK109": "not available in this version of cubekit",
    "CK110": "unknown port",
    "CK111": "name of no cube of this service",
    # 2xx: how the cubes fit together
    "CK201": "unknown cube",
    "CK202": "installed version is not admitted",
    "CK203": "two distributions claim one cube name",
    "CK204": "cube cannot start: a contract is not provided",
    "CK205": "more than one provider fits",
    "CK206": "binding cannot be used",
    "CK207": "cubes require each other in a cycle",
    "CK208": "colour may not require colour",
    "CK209": "more than one instance of an exclusive cube",
    "CK210": "two operations claim one path",
    "CK211": "scope without a security cube",
    "CK212": "local contract across processes",
    "CK213": "limit cannot be enforced",
    "CK214": "state would be apart in every worker",
    # 3xx: the code of a cube or plugin
    "CK301": "cube cannot be imported",
    "CK302": "entry point is not a cube",
    "CK303": "cube is declared wrongly",
    "CK304": "contract is not kept",
    "CK305": "plugin cannot be used",
    "CK306": "installed entry point cannot be read",
    "CK307": "contract changed more than its version says",
    # 4xx: the running service
    "CK401": "cube failed",
    "CK402": "cube did not start in time",
    "CK403": "cube did not stop properly",
    "CK404": "cube crashed too often",
    "CK405": "cannot listen on the address",
    "CK406": "cube does not run on this event loop",
    "CK407": "workers do not live",
    # 5xx: the command line
    "CK501": "no such cube is installed",
    "CK502": "service cannot be reached",
    "CK503": "name or place is taken",
    "CK504": "argument cannot be used",
    "CK505": "contract-test kit is not installed",
    "CK506": "contract-test kit did not come to its end",
    # 6xx: registries, and what comes from them
    "CK601": "registry cannot be read",
    "CK602": "no registry has the cube",
    "CK603": "no releases fit together",
    "CK604": "lock does not fit",
    "CK605": "installation is not what was locked",
    "CK606": "file is not the one that was published",
    "CK607": "name belongs to another distribution or source",
    "CK608": "release was withdrawn",
    "CK609": "signature of the registry is not valid",
    "CK610": "registry was rolled back",
    "CK611": "registry has expired",
    "CK612": "release cannot be published",
    "CK613": "pip did not do it",
    "CK614": "an extra of cubekit is needed",
}
