//! Requests of listeners and sources, and what proxies write before them.

use super::Seed;

/// The length of the first piece, and a request.
pub(crate) fn request_heads() -> Vec<Seed> {
    let of = |cut: u16, request: &[u8]| [&cut.to_le_bytes()[..], request].concat();
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(2047));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(64));
    vec![
        ("player", of(20, b"GET /stream HTTP/1.0\r\nUser-Agent: Lavf/59\r\nIcy-MetaData: 1\r\n\r\n")),
        ("browser", of(400, b"GET /stream?burst=5&x=1 HTTP/1.1\r\nHost: radio.example\r\nRange: bytes=0-\r\n\r\n")),
        ("head", of(3, b"HEAD /stream HTTP/1.1\r\nHost: radio.example\r\nConnection: close\r\n\r\n")),
        ("password", of(60, b"GET /admin HTTP/1.1\r\nAuthorization: Basic YWRtaW46eA==\r\n\r\n")),
        ("behind-a-proxy", of(9, b"GET / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.7, 2001:db8::7\r\n\r\n")),
        ("bare-line-ends", of(10, b"GET / HTTP/1.1\nHost: a\n\n")),
        ("oldest-source", of(12, b"SOURCE /live ICE/1.0\r\nice-name: Caf\xe9\r\n\r\nMP3")),
        ("longest-path", of(2000, long.as_bytes())),
        ("most-headers", of(300, many.as_bytes())),
        ("tls-hello", of(5, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")),
    ]
}

/// Requests with their bodies.
pub(crate) fn source_handshakes() -> Vec<Seed> {
    let put = |headers: &str, body: &[u8]| {
        let head = format!("PUT /live HTTP/1.1\r\nContent-Type: audio/mpeg\r\n{headers}\r\n\r\n");
        [head.as_bytes(), body].concat()
    };
    let wrong = "Authorization: Basic c291cmNlOnh4eA==";
    vec![
        ("oldest", b"SOURCE /live ICE/1.0\r\ncontent-type: audio/mpeg\r\nice-name: A\r\n\r\nbody".to_vec()),
        ("no-password", put("Expect: 100-continue", b"body")),
        ("wrong-password", put(wrong, b"body")),
        ("chunked", put("Transfer-Encoding: chunked", b"5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n")),
        ("chunks-with-extensions", put("Transfer-Encoding: chunked", b"5;a=\"b\"\r\nhello\r\n0\r\nTrailer: x\r\n\r\n")),
        ("largest-chunk", put("Transfer-Encoding: chunked", b"FFFFFFF\r\nfew")),
        ("length", put("Content-Length: 4", b"body and more")),
        ("length-and-chunked", put("Content-Length: 4\r\nTransfer-Encoding: chunked", b"4\r\nbody\r\n0\r\n\r\n")),
        ("bearer", put("Authorization: Bearer abc\r\nIce-Audio-Info: ice-bitrate=128", b"")),
    ]
}

/// The password line and the headers of Shoutcast sources.
pub(crate) fn icy() -> Vec<Seed> {
    vec![
        (
            "source",
            b"secret\r\nicy-name: A\r\nicy-genre: B\r\nicy-br: 128\r\ncontent-type: audio/mpeg\r\n\r\n".to_vec(),
        ),
        ("bare-line-ends", b"secret\nicy-name:A\nicy-pub:1\n\n".to_vec()),
        ("latin-1", b"secret\r\nicy-name: Caf\xe9\r\nuser-agent: x\r\n\r\n".to_vec()),
        (
            "smuggled-headers",
            b"secret\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\nAuthorization: x\r\n\r\n".to_vec(),
        ),
        ("folded-line", b"secret\r\nicy-name: A\r\n Content-Length: 5\r\n\ticy-url: b\r\n\r\n".to_vec()),
        ("carriage-returns", b"secret\r\nicy-name: A\rContent-Length: 5\r\n\r\n".to_vec()),
    ]
}

/// Headers of both versions of the PROXY protocol.
pub(crate) fn proxy_headers() -> Vec<Seed> {
    let v2 = |command: u8, family: u8, body: &[u8]| {
        let length = (body.len() as u16).to_be_bytes();
        [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, body].concat()
    };
    let v4 = [192, 0, 2, 7, 10, 0, 0, 1, 0x30, 0x39, 0x1F, 0x40];
    let authority = [&v4[..], b"\x02\x00\x0dradio.example"].concat();
    vec![
        ("v1-tcp4", b"PROXY TCP4 192.0.2.7 10.0.0.1 56324 8000\r\nGET / HTTP/1.1\r\n\r\n".to_vec()),
        ("v1-tcp6", b"PROXY TCP6 2001:db8::7 ::1 1 65535\r\n".to_vec()),
        ("v1-unknown", b"PROXY UNKNOWN\r\n".to_vec()),
        ("v1-longest", format!("PROXY UNKNOWN {0} {0} 65535 65535\r\n", "ffff:".repeat(7) + "ffff").into_bytes()),
        ("v2-tcp4", v2(0x21, 0x11, &v4)),
        ("v2-tcp4-with-authority", v2(0x21, 0x11, &authority)),
        ("v2-tcp6", v2(0x21, 0x21, &[&[0x20, 1, 0x0D, 0xB8][..], &[0; 28], &[0, 9, 0, 8]].concat())),
        ("v2-local", v2(0x20, 0x00, &[])),
        ("v2-unix", v2(0x21, 0x31, &[b'/'; 216])),
    ]
}
