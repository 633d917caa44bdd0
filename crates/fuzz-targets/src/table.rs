//! The table of fuzz targets. It has no dependencies: `xtask` compiles this file too.

/// A fuzz target, apart from its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name of its module, of its file in `fuzz/fuzz_targets` and of its folder in `fuzz/corpus`.
    pub name: &'static str,
    /// What it reads and what it checks, in one line.
    pub about: &'static str,
    /// Length of the longest input that is tried.
    pub bytes_max: usize,
    /// File in `fuzz` with words that inputs are likely to contain.
    pub dictionary: Option<&'static str>,
}

/// Every fuzz target, in alphabetical order.
pub const TARGETS: [Target; 11] = [
    Target {
        name: "decoder_record",
        about: "records and requests of decoder processes: an accepted message is written as it was read",
        bytes_max: 5000,
        dictionary: None,
    },
    Target {
        name: "formats",
        about: "source streams: decoding ends, output is bounded, chunking makes no difference",
        bytes_max: 8192,
        dictionary: Some("containers.dict"),
    },
    Target {
        name: "header",
        about: "MPEG frame headers: an accepted header describes a possible frame",
        bytes_max: 4,
        dictionary: Some("mpeg.dict"),
    },
    Target {
        name: "icy",
        about: "Shoutcast source headers: the request is for the mount of the password",
        bytes_max: 9000,
        dictionary: Some("http.dict"),
    },
    Target {
        name: "packetizer",
        about: "MPEG streams: every byte is accounted for, chunking makes no difference",
        bytes_max: 8192,
        dictionary: Some("mpeg.dict"),
    },
    Target {
        name: "place",
        about: "listener records: position and title blocks agree with a count of bytes",
        bytes_max: 1024,
        dictionary: None,
    },
    Target {
        name: "proxy_header",
        about: "PROXY protocol headers: at most the limit is requested",
        bytes_max: 2100,
        dictionary: Some("proxy.dict"),
    },
    Target {
        name: "request_head",
        about: "listener requests: limits hold, a prefix and the whole head agree",
        bytes_max: 8200,
        dictionary: Some("http.dict"),
    },
    Target {
        name: "ring",
        about: "broadcast ring: reads agree with a plain list of bytes",
        bytes_max: 2048,
        dictionary: None,
    },
    Target {
        name: "source_handshake",
        about: "source requests and bodies: no admission without the password",
        bytes_max: 9000,
        dictionary: Some("http.dict"),
    },
    Target {
        name: "titles",
        about: "titles from queries, ICY blocks and Ogg comments: length limits hold",
        bytes_max: 4096,
        dictionary: Some("titles.dict"),
    },
];
