//! Every key of `[server]` and `[tls]`.

use super::key::{BOOLEAN, Key, Valid, key};

/// In the order in which they are shown.
pub(super) const SERVER: &[Key] = &[
    key(
        "server.host",
        Valid::Text("an IP address, such as 127.0.0.1, or 0.0.0.0 for every IPv4 interface"),
        "Address to listen on. `0.0.0.0` is every IPv4 interface, `::` every interface.",
    ),
    key("server.port", Valid::Range(0, 65_535, "a TCP port"), "TCP port; 0 lets the system choose one."),
    key(
        "server.icy",
        BOOLEAN,
        "Whether sources may come by Shoutcast 1, on the port behind `port`. The password says which input is meant.",
    ),
    key(
        "server.listeners_max",
        Valid::Range(1, 1_000_000, "a number of listeners"),
        "Listeners in all; the next one gets 503.",
    ),
    key(
        "server.listeners_per_address_max",
        Valid::Range(0, 1_000_000, "a number of listeners"),
        "Listeners from one address (IPv6: one /64); 0 is no limit.",
    ),
    key(
        "server.mbit_max",
        Valid::Range(0, 1_000_000, "a rate in Mbit/s"),
        "Limit of what all listeners together are sent; a newcomer that would exceed it gets 503, or is redirected to \
         `overflow_url`. A listener counts with the bitrate of its output and the headers of Ogg, TLS, TCP and IP: 6 % at 128 \
         kbit/s, 27 % with low latency. 0 is no limit. [operating.md](operating.md#the-uplink)",
    ),
    key(
        "server.overflow_url",
        Valid::Text("an http or https URL without query"),
        "Server to which a newcomer is redirected (302) that `mbit_max` does not admit; its path, its query and \
         `overflow=1` are appended. A request with `overflow=1` is not redirected again. Empty: 503.",
    ),
    key(
        "server.names",
        Valid::Text("a list of at most 32 host names, such as \"radio.example.org\""),
        "Host names by which browsers reach the tower, beside its addresses and `localhost`. Under another one a login, a session and the open interface of the station are refused with 421; what needs no credentials, and programs that give theirs, are served under any name.",
    ),
    key(
        "server.trusted_proxies",
        Valid::Text("a list of networks such as \"127.0.0.1\" or \"10.0.0.0/8\", at most 64"),
        "Proxies that may say whose a request is: `X-Forwarded-For`, `X-Forwarded-Proto`, `X-Forwarded-Host` of others are not \
         heeded.",
    ),
    key(
        "server.proxy_protocol",
        BOOLEAN,
        "Whether the trusted proxies begin every connection with a header of the PROXY protocol, version 1 or 2. Those that do \
         not are closed; nobody else's header is read.",
    ),
    key(
        "server.shards",
        Valid::Range(0, 64, "a number of threads"),
        "Threads that send to listeners; 0: one for each core but one, at most 8.",
    ),
    key(
        "server.period_ms",
        Valid::Range(24, 2000, "a time in ms"),
        "Time between two sends to a listener; acts in whole ticks. Outputs of low latency are sent with every frame.",
    ),
    key(
        "server.crowd_above",
        Valid::Range(1, 1_000_000, "a number of listeners"),
        "With more listeners than this on one shard the period doubles there.",
    ),
    key(
        "server.crowd_below",
        Valid::Range(1, 1_000_000, "a number of listeners"),
        "With fewer than this it is the shorter period again; at most `crowd_above`.",
    ),
    key(
        "server.state_dir",
        Valid::Text("a path of a directory"),
        "Where the tower keeps what outlives a restart: the place in the round of each folder. Empty: `$STATE_DIRECTORY`, which the systemd unit sets, or nothing is kept.",
    ),
    key(
        "server.admin_socket",
        Valid::Text("a path of at most 107 bytes"),
        "Unix socket on which the command line reaches the tower; empty: `tower-PORT.sock` in the runtime directory.",
    ),
    key(
        "server.location",
        Valid::Text("one line of at most 255 bytes"),
        "Where the tower stands, for programs that read Icecast's statistics.",
    ),
    key(
        "server.admin_contact",
        Valid::Text("one line of at most 255 bytes"),
        "Whom to ask about it, such as an address for mail; for the same programs. Everybody can read it.",
    ),
    key("tls.host", Valid::Text("an IP address"), "Address to listen on; not set: `server.host`."),
    key("tls.port", Valid::Range(0, 65_535, "a TCP port"), "TCP port; 0 lets the system choose one."),
    key("tls.certificate", Valid::Text("a path of a PEM file"), "The certificate, and those above it. Empty: no TLS."),
    key("tls.key", Valid::Text("a path of a PEM file"), "Its private key."),
    key(
        "tls.listeners_max",
        Valid::Range(1, 100_000, "a number of listeners"),
        "Listeners and sources over TLS; the next one gets 503. They count in `server.listeners_max` too.",
    ),
    key(
        "tls.hsts_s",
        Valid::Range(0, 63_072_000, "a time in s"),
        "For how long browsers are told to come over TLS only, on every port; 0: they are not told.",
    ),
];
