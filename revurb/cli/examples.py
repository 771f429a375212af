"""The examples at the end of `--help`: a command a line, and what it does."""

from __future__ import annotations

# verb ("" for `revurb --help`): (command, what it does); tests parse each command
EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "": (
        ("revurb serve --dev", "a ready-made app to try"),
        ("revurb listen orders", "in another terminal"),
        ("""revurb trigger orders created '{"id":7}'""", "in a third"),
        ("revurb COMMAND --help", "more about one"),
    ),
    "init": (
        ("revurb init", "revurb.toml in the working directory"),
        ("revurb init --output -", "have a look first"),
        ("revurb init --env --host ws.example.com --port 443 --tls", "lines for Laravel's .env"),
    ),
    "serve": (
        ("revurb serve --dev --debug", "try it out, and see each message"),
        ("revurb serve", "with the .env of a Laravel project"),
        ("revurb serve --port 9000 --workers auto", "a process for each processor"),
        ("revurb serve --tls-cert cert.pem --tls-key key.pem", "wss:// without a proxy"),
    ),
    "status": (
        ("revurb status", "what runs here"),
        ("revurb status --port 8080 --json", "one server, for a program"),
        ("revurb status --cluster", "the nodes of all hosts"),
    ),
    "top": (
        ("revurb top", "the server that runs here; q ends"),
        ("revurb top --once", "one table"),
        ("revurb top --json", "for a program, a line each second"),
        ("revurb top --url http://10.0.0.7:9100 --token-file token", "by its admin listener"),
    ),
    "health": (
        ("revurb health", "the configured server; exit code 0 or 1"),
        ("revurb health --live --timeout 2", "whether it answers at all"),
        ("revurb health --url https://ws.example.com", "another node"),
    ),
    "restart": (("revurb restart", "new workers with new code and configuration"),),
    "reload": (("revurb reload", "after a renewal that the server has not noticed yet"),),
    "drain": (
        ("revurb drain --over 60", "clients reconnect elsewhere, within a minute"),
        ("revurb drain --back", "serve as before"),
    ),
    "log-level": (
        ("revurb log-level debug --for 60", "for a minute"),
        ("revurb log-level warning --port 8080", "until it is restarted"),
    ),
    "apps": (
        ("revurb apps list", "where each is, and what is set"),
        ("revurb apps add shop", "prints its key and secret"),
        ("revurb apps reload", "on all nodes"),
    ),
    "apps list": (("revurb apps list --json", "for a program; no secret"),),
    "apps init": (("revurb apps init", "the table of REVURB_APP_DATABASE"),),
    "apps add": (
        ("revurb apps add shop", "with a key and a secret that are made up"),
        ("""revurb apps add shop --option 'allowed_origins=["shop.example"]'""", "with limits"),
    ),
    "apps rotate-secret": (
        ("revurb apps rotate-secret shop", "both secrets are accepted then"),
        ("revurb apps rotate-secret shop --finish", "when the application has the new one"),
    ),
    "apps disable": (("revurb apps disable shop", "its connections are closed with 4003"),),
    "apps enable": (("revurb apps enable shop", "clients may connect again"),),
    "apps remove": (("revurb apps remove shop", "its connections are closed with 4001"),),
    "apps reload": (
        ("revurb apps reload shop", "after a change in the database"),
        ("revurb apps reload", "all apps"),
    ),
    "stop": (
        ("revurb stop", "clients move over first"),
        ("revurb stop --port 8080 --now", "one of several, at once"),
    ),
    "doctor": (
        ("revurb doctor", "with the settings of the working directory"),
        ("revurb doctor --env-file /srv/app/.env", "of another one"),
    ),
    "config": (
        ("revurb config check", "all that is wrong at once"),
        ("revurb config show", "every option, and where it came from"),
    ),
    "config show": (
        ("revurb config show", "every option, and where it came from"),
        ("revurb config show --port 9000", "what that flag would do"),
        ("revurb config show --json", "for a program"),
    ),
    "config docs": (("revurb config docs", "docs/configuration.md of this release"),),
    "config check": (
        ("revurb config check", "before a deployment"),
        ("revurb config check --env-file .env.production", "another file"),
    ),
    "import": (
        ("revurb import", "config/reverb.php to revurb.toml"),
        ("revurb import config/reverb.php --output -", "have a look first"),
    ),
    "trigger": (
        ("""revurb trigger orders created '{"id":7}'""", ""),
        ("revurb trigger orders,private-stock sold 3", "two channels"),
        ("cat event.json | revurb trigger orders created -", "data from standard input"),
        ("revurb trigger orders created --url https://ws.example.com --app 1", "another node"),
    ),
    "listen": (
        ("revurb listen orders private-stock", "private ones are signed for you"),
        ("revurb listen presence-room --user-id 7", "as a member"),
        ("revurb listen '#server-to-user-7'", "what a user is sent"),
        ("revurb listen orders --url wss://ws.example.com --app 1", "another node"),
    ),
    "auth": (
        ("revurb auth 123.456 private-orders", "for the connection 123.456"),
        ("""revurb auth 123.456 presence-room --user-id 7 --user-info '{"name":"Ann"}'""", "as a member"),
        ("revurb auth 123.456 private-encrypted-orders --master-key-file key", "with its key"),
        ("revurb auth 123.456 --user-id 7 --watch 8,9", "sign in the user 7"),
    ),
    "bench": (
        ("revurb bench", "the configured server of this host, all scenarios"),
        ("revurb bench delivery latency --connections 1000", "two of them, with more clients"),
        ("revurb bench --json bench.json --html bench.html --png bench.png", "kept"),
        ("revurb bench --url https://ws.example.com --app 1 --key k --secret-file s", "another server"),
    ),
    "completion": (("revurb completion install", "for the shell that it is typed in"),),
    "completion install": (
        ("revurb completion install", "for the shell that it is typed in"),
        ("revurb completion install fish", "for another one"),
        ("revurb completion install --print", "the script alone"),
    ),
    "webhooks": (("revurb webhooks test", "one request to each target"),),
    "webhooks test": (
        ("revurb webhooks test", "one request to each target"),
        ("revurb webhooks test --app 1 --event member_added", "of one app, another event"),
        ("revurb webhooks test --url https://example.com/webhooks", "a URL that is not configured yet"),
    ),
}  # fmt: skip


def examples(verb: str) -> str:
    """The epilog of a command: a paragraph that click does not wrap, with the explanations below each other."""
    rows = EXAMPLES[verb]
    width = max(len(command) for command, _ in rows)
    lines = [f"  {command:<{width}}  # {what}" if what else f"  {command}" for command, what in rows]
    if max(map(len, lines)) > 78:  # above the command then, as the terminal has 80 columns
        lines = [
            line for command, what in rows for line in (*([f"  # {what}"] if what else []), f"  {command}")
        ]
    return "\n".join(("\b", "Examples:", *lines))
