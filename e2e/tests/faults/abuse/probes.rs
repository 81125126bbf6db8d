//! Requests that two servers could cut in two ways (PR1).

/// Whether both servers must cut it alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is one way only: the request and the one after it are answered.
    Sound,
    /// There are two lengths, or one that is none: at most this request is passed
    /// on, and nothing that comes after it.
    Faulty,
    /// A parser may let it pass for something harmless. Nothing hidden is a request.
    Odd,
}

#[derive(Debug, Clone)]
pub(super) struct Probe {
    pub(super) framing: Framing,
    /// `{id}` stands for the probe's own number, so that what an upstream sees can
    /// be told apart.
    pub(super) first: String,
}

/// A request inside of a body. What it says of its caller would be believed if it
/// reached an upstream by itself.
pub(super) const HIDDEN: &str =
    "GET /secret/{id}/hidden HTTP/1.1\r\nHost: localhost\r\nX-User-Id: forged\r\n\r\n";

/// Ways to write that a body comes in chunks, all but the first few not quite.
const ENCODINGS: [(Framing, &str); 50] = [
    (Framing::Sound, "Transfer-Encoding: chunked"),
    (Framing::Sound, "transfer-encoding:chunked"),
    (Framing::Sound, "TRANSFER-ENCODING: \t chunked \t"),
    (Framing::Odd, "Transfer-Encoding: Chunked"),
    (Framing::Odd, "Transfer-Encoding: CHUNKED"),
    (Framing::Odd, "Transfer-Encoding: gzip, chunked"),
    (Framing::Odd, "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"),
    (Framing::Odd, "Transfer-Encoding: identity, chunked"),
    (Framing::Odd, "Transfer-Encoding: ,chunked"),
    (Framing::Odd, "Transfer-Encoding: chunked,"),
    (Framing::Odd, "Transfer-Encoding: chunked, chunked"),
    (Framing::Odd, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    (Framing::Odd, "Transfer-Encoding: chunked\r\nTransfer-Encoding:"),
    (Framing::Odd, "Transfer-Encoding:\r\n chunked"),
    (Framing::Odd, "Transfer-Encoding: chunked\r\n x"),
    (Framing::Odd, "X: 1\n Transfer-Encoding: chunked"),
    (Framing::Odd, "X: 1\nTransfer-Encoding: chunked"),
    (Framing::Odd, "X: 1\rTransfer-Encoding: chunked"),
    (Framing::Odd, "X: 1\r\n\tTransfer-Encoding: chunked"),
    (Framing::Odd, "X: 1\r\rTransfer-Encoding: chunked"),
    (Framing::Odd, "Transfer-Encoding: chunked\n"),
    (Framing::Odd, "Transfer-Encoding: chunked\r"),
    (Framing::Odd, "Transfer_Encoding: chunked"),
    (Framing::Odd, "Transfer.Encoding: chunked"),
    (Framing::Odd, "TransferEncoding: chunked"),
    (Framing::Odd, "X-Transfer-Encoding: chunked"),
    (Framing::Odd, "Content-Encoding: chunked"),
    (Framing::Odd, "TE: chunked"),
    (Framing::Odd, "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked"),
    (Framing::Faulty, "Transfer-Encoding: chunked, identity"),
    (Framing::Faulty, "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
    (Framing::Faulty, "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip"),
    (Framing::Faulty, "Transfer-Encoding: identity"),
    (Framing::Faulty, "Transfer-Encoding: gzip"),
    (Framing::Faulty, "Transfer-Encoding: chunk"),
    (Framing::Faulty, "Transfer-Encoding: xchunked"),
    (Framing::Faulty, "Transfer-Encoding: chunkedx"),
    (Framing::Faulty, "Transfer-Encoding: chunked;q=1"),
    (Framing::Faulty, "Transfer-Encoding: \"chunked\""),
    (Framing::Faulty, "Transfer-Encoding: 'chunked'"),
    (Framing::Faulty, "Transfer-Encoding: chun ked"),
    (Framing::Faulty, "Transfer-Encoding: chun\u{212a}ed"),
    (Framing::Faulty, "Transfer-Encoding:"),
    (Framing::Faulty, "Transfer-Encoding: \u{b}chunked"),
    (Framing::Faulty, "Transfer-Encoding: chunked\u{b}"),
    (Framing::Faulty, "Transfer-Encoding: \0chunked"),
    (Framing::Faulty, "Transfer-Encoding : chunked"),
    (Framing::Faulty, "Transfer-Encoding\t: chunked"),
    (Framing::Faulty, " Transfer-Encoding: chunked"),
    (Framing::Faulty, "Transfer-Encoding\r\n: chunked"),
];

/// Ways to write how long a body is; `{n}` stands for its length.
const LENGTHS: [(Framing, &str); 36] = [
    (Framing::Sound, "Content-Length: {n}"),
    (Framing::Sound, "content-length:{n}"),
    (Framing::Sound, "CONTENT-LENGTH: \t {n} \t"),
    (Framing::Odd, "Content-Length: {n}\r\nContent-Length: {n}"),
    (Framing::Odd, "Content-Length: {n}, {n}"),
    (Framing::Odd, "Content-Length: 0{n}"),
    (Framing::Odd, "Content-Length: 00000000000000000000000000{n}"),
    (Framing::Odd, "Content_Length: 0\r\nContent-Length: {n}"),
    (Framing::Odd, "Connection: Content-Length\r\nContent-Length: {n}"),
    (Framing::Odd, "X: 1\nContent-Length: {n}"),
    (Framing::Odd, "X: 1\rContent-Length: {n}"),
    (Framing::Odd, "Content-Length:\r\n {n}"),
    (Framing::Faulty, "Content-Length: {n}\r\nContent-Length: 0"),
    (Framing::Faulty, "Content-Length: 0\r\nContent-Length: {n}"),
    (Framing::Faulty, "Content-Length: {n}, 0"),
    (Framing::Faulty, "Content-Length: 0, {n}"),
    (Framing::Faulty, "Content-Length: {n},"),
    (Framing::Faulty, "Content-Length: ,{n}"),
    (Framing::Faulty, "Content-Length: +{n}"),
    (Framing::Faulty, "Content-Length: -{n}"),
    (Framing::Faulty, "Content-Length: 0x{n}"),
    (Framing::Faulty, "Content-Length: {n}.0"),
    (Framing::Faulty, "Content-Length: {n}e0"),
    (Framing::Faulty, "Content-Length: {n}_0"),
    (Framing::Faulty, "Content-Length: {n} 0"),
    (Framing::Faulty, "Content-Length: {n};"),
    (Framing::Faulty, "Content-Length: \"{n}\""),
    (Framing::Faulty, "Content-Length: {n}\u{b}"),
    (Framing::Faulty, "Content-Length: \u{ff15}"),
    (Framing::Faulty, "Content-Length: 18446744073709551616"),
    (Framing::Faulty, "Content-Length: 99999999999999999999999"),
    (Framing::Faulty, "Content-Length:"),
    (Framing::Faulty, "Content-Length: a"),
    (Framing::Faulty, "Content-Length : {n}"),
    (Framing::Faulty, " Content-Length: {n}"),
    (Framing::Faulty, "Content-Length: {n}\r\nTransfer-Encoding: chunked"),
];

/// Chunks; `{n}` stands for the length of [`HIDDEN`] in hexadecimal, `{h}` for itself.
const CHUNKS: [(Framing, &str); 44] = [
    (Framing::Sound, "{n}\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Sound, "000{n}\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Odd, "{n};a=b\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Odd, "{n} ; a = \"b\"\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Odd, "{n};\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Odd, "{n} \r\n{h}\r\n0\r\n\r\n"),
    (Framing::Odd, "{n}\t\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Odd, "{n};a=\"\r\n0\r\n\r\n{h}"),
    (Framing::Odd, "{n};\n{h}\r\n0\r\n\r\n"),
    (Framing::Odd, "{n};a\nb\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Odd, "{n}\n{h}\r\n0\r\n\r\n"),
    (Framing::Odd, "{n}\r{h}\r\n0\r\n\r\n"),
    (Framing::Odd, "{n}\r\n{h}\n0\n\n"),
    (Framing::Odd, "{n}\r\n{h}\r0\r\r"),
    (Framing::Odd, "{n}\r\n{h}0\r\n\r\n"),
    (Framing::Odd, "{n}\r\n{h}\r\n0\n\n"),
    (Framing::Odd, "{n}\r\n{h}\r\n0\r\n\n"),
    (Framing::Odd, "{n}\r\n{h}\r\n0;a=b\r\n\r\n"),
    (Framing::Odd, "{n}\r\n{h}\r\n00000000\r\n\r\n"),
    (Framing::Odd, "{n}\r\n{h}\r\n0\r\nX-Trailer: 1\r\n\r\n"),
    (Framing::Odd, "{n}\r\n{h}\r\n0\r\nContent-Length: 5\r\n\r\n"),
    (Framing::Odd, "{n}\r\n{h}\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    (Framing::Odd, "{n}\r\n{h}\r\n0\r\nX-User-Id: forged\r\n\r\n"),
    (Framing::Odd, "{n}\r\n{h}\r\n0\r\nHost: evil.com\r\n\r\n"),
    (Framing::Faulty, "+{n}\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Faulty, "-{n}\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Faulty, "0x{n}\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Faulty, "{n}h\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Faulty, "{n}_\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Faulty, "{n}.0\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Faulty, "\"{n}\"\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Faulty, "{n} 0\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Faulty, "{n}\0\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Faulty, "\r\n{n}\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Faulty, "x\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Faulty, ";\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Faulty, "FFFFFFFFFFFFFFFF\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Faulty, "100000000000000{n}\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Faulty, "1000000000000000000000000{n}\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Faulty, "8000000000000000\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Faulty, "{n}\r\n{h}x\r\n0\r\n\r\n"),
    (Framing::Faulty, "5\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Faulty, "\u{ff15}\r\n{h}\r\n0\r\n\r\n"),
    (Framing::Faulty, "{n}\u{b}\r\n{h}\r\n0\r\n\r\n"),
];

/// First lines; a request to a public route follows from them, or none.
const FIRST_LINES: [(Framing, &str); 24] = [
    (Framing::Sound, "POST /public/{id}/first HTTP/1.1"),
    (Framing::Sound, "post /public/{id}/first HTTP/1.1"),
    (Framing::Odd, "\r\nPOST /public/{id}/first HTTP/1.1"),
    (Framing::Odd, "\n\nPOST /public/{id}/first HTTP/1.1"),
    (Framing::Odd, "POST  /public/{id}/first HTTP/1.1"),
    (Framing::Odd, "POST\t/public/{id}/first HTTP/1.1"),
    (Framing::Odd, " POST /public/{id}/first HTTP/1.1"),
    (Framing::Odd, "POST /public/{id}/first  HTTP/1.1"),
    (Framing::Odd, "POST /public/{id}/first HTTP/1.1 "),
    (Framing::Odd, "POST /public/{id}/first HTTP/1.0"),
    (Framing::Odd, "POST /public/{id}/first HTTP/1.2"),
    (Framing::Odd, "POST /public/{id}/first HTTP/2.0"),
    (Framing::Odd, "POST /public/{id}/first HTTP/0.9"),
    (Framing::Odd, "POST /public/{id}/first"),
    (Framing::Odd, "POST /public/{id}/first http/1.1"),
    (Framing::Odd, "POST /public/{id}/first HTTP/1.1\rX: 1"),
    (Framing::Odd, "POST /public/{id}/first HTTP/1.1\nX: 1"),
    (Framing::Odd, "POST /public/{id}/first x HTTP/1.1"),
    (Framing::Odd, "POST /public/{id}/first\0 HTTP/1.1"),
    (Framing::Odd, "POST http://localhost/public/{id}/first HTTP/1.1"),
    (Framing::Odd, "POST public/{id}/first HTTP/1.1"),
    (Framing::Odd, "POST foo:bar://localhost/public/{id}/first HTTP/1.1"),
    (Framing::Odd, "POST /public/{id}/first#/../../secret HTTP/1.1"),
    (Framing::Odd, "CONNECT /public/{id}/first HTTP/1.1"),
];

/// All of them, each with bodies that hide a request from one reading or the other.
pub(super) fn all() -> Vec<Probe> {
    let mut probes = Vec::new();
    let line = "POST /public/{id}/first HTTP/1.1";
    // One who counts bytes sees a body; one who looks for chunks sees its end.
    let by_length = format!("0\r\n\r\n{HIDDEN}");
    // The other way round.
    let by_chunks = chunked("{n}\r\n{h}\r\n0\r\n\r\n");
    for (framing, encoding) in ENCODINGS {
        // Only whoever sees the chunks sees the end of it.
        probes.push(probe(framing, line, encoding, &by_chunks));
        for (body, covered) in
            [(&by_length, by_length.len()), (&by_chunks, 4), (&by_chunks, by_chunks.len())]
        {
            let length = format!("Content-Length: {covered}");
            let framing = if framing == Framing::Sound { Framing::Faulty } else { framing };
            for headers in [format!("{encoding}\r\n{length}"), format!("{length}\r\n{encoding}")] {
                probes.push(probe(framing, line, &headers, body));
            }
        }
        let old = "POST /public/{id}/first HTTP/1.0";
        let framing = if framing == Framing::Odd { Framing::Odd } else { Framing::Faulty };
        probes.push(probe(framing, old, encoding, &by_chunks));
    }
    for (framing, length) in LENGTHS {
        for body in [&by_length, &by_chunks] {
            let length = length.replace("{n}", &with_id(body).len().to_string());
            probes.push(probe(framing, line, &length, body));
        }
    }
    for (framing, chunks) in CHUNKS {
        probes.push(probe(framing, line, "Transfer-Encoding: chunked", &chunked(chunks)));
        let both = "Transfer-Encoding: chunked\r\nContent-Length: 6";
        probes.push(probe(Framing::Faulty, line, both, &chunked(chunks)));
    }
    for (framing, line) in FIRST_LINES {
        let length = format!("Content-Length: {}", with_id(&by_length).len());
        probes.push(probe(framing, line, &length, &by_length));
        probes.push(probe(framing, line, "Transfer-Encoding: chunked", &by_chunks));
    }
    probes
}

fn probe(framing: Framing, line: &str, headers: &str, body: &str) -> Probe {
    let first = format!("{line}\r\nHost: localhost\r\n{headers}\r\n\r\n{body}");
    Probe { framing, first }
}

fn chunked(chunks: &str) -> String {
    chunks.replace("{n}", &format!("{:x}", with_id(HIDDEN).len())).replace("{h}", HIDDEN)
}

/// Numbers have five digits, so that lengths do not depend on them.
fn with_id(text: &str) -> String {
    text.replace("{id}", "00000")
}
