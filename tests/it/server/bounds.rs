//! How long a client may take and how much it may send (S-171, S-172, S-175).

use std::time::{Duration, Instant};

use latchkey::server::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{exchange, get_path, local, quick, read_response, start, status};

/// How long it takes until the server closes the connection, while `drip` is sent again and again.
async fn closed_after(stream: &mut TcpStream, drip: &[u8]) -> Duration {
    let begun = Instant::now();
    let mut buffer = [0; 4096];
    while begun.elapsed() < Duration::from_secs(5) {
        let wait = Duration::from_millis(30);
        match tokio::time::timeout(wait, stream.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => return begun.elapsed(),
            Err(_) if !drip.is_empty() && stream.write_all(drip).await.is_err() => {
                return begun.elapsed();
            }
            Ok(Ok(_)) | Err(_) => {}
        }
    }
    panic!("the connection stayed open");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_never_ends_is_cut_off() {
    let server = start(&local(), quick());
    for (first, drip) in [
        ("", ""),
        ("G", "E"),
        ("GET /hello HTTP/1.1\r\nHost: x\r\n", "a"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ""),
    ] {
        let mut stream = TcpStream::connect(server.public).await.unwrap();
        stream.write_all(first.as_bytes()).await.unwrap();
        let took = closed_after(&mut stream, drip.as_bytes()).await;
        assert!(took >= Duration::from_millis(250), "{first:?}: {took:?}");
        assert!(took < Duration::from_millis(800), "{first:?}: {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_request_of_a_connection_may_not_be_slower() {
    let server = start(&local(), quick());
    let mut stream = TcpStream::connect(server.public).await.unwrap();
    stream.write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(status(&read_response(&mut stream).await), 200);
    // Idle for longer than a header may take, which is fine …
    tokio::time::sleep(Duration::from_millis(500)).await;
    stream.write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    let took = closed_after(&mut stream, b"a").await;
    assert!(took < Duration::from_millis(800), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_closed_in_the_end() {
    let server = start(&local(), quick());
    let mut stream = TcpStream::connect(server.public).await.unwrap();
    stream.write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(status(&read_response(&mut stream).await), 200);
    let took = closed_after(&mut stream, b"").await;
    assert!(took >= Duration::from_millis(800), "{took:?}");
    assert!(took < Duration::from_millis(2500), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_never_ends_is_answered_408() {
    let server = start(&local(), quick());
    let mut stream = TcpStream::connect(server.public).await.unwrap();
    let head = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nab";
    stream.write_all(head).await.unwrap();
    assert_eq!(status(&read_response(&mut stream).await), 408);
    assert!(closed_after(&mut stream, b"").await < Duration::from_secs(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_does_not_read_is_cut_off() {
    let server = start(&local(), quick());
    let mut stream = TcpStream::connect(server.public).await.unwrap();
    stream.write_all(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let begun = Instant::now();
    while server.metrics.counted("closed_connections") == 0 {
        assert!(begun.elapsed() < Duration::from_secs(3), "still open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Less than the whole came through.
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.len() < 64 * 1024 * 1024);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_takes_too_long_is_answered_503() {
    let server = start(&local(), quick());
    let answer = get_path(server.public, "/forever").await;
    assert_eq!(status(&answer), 503);
    assert!(answer.to_ascii_lowercase().contains("retry-after: 1"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_by_its_own_status() {
    let server = start(&local(), quick());
    let post = |length: usize| {
        let body = "x".repeat(length);
        format!("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    let chunk = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
    let chunked = |chunks: usize| {
        let body = chunk.repeat(chunks) + "0\r\n\r\n";
        format!("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
    };
    let get = |rest: &str| format!("GET /hello HTTP/1.1\r\nHost: x\r\n{rest}\r\n");
    let uri =
        |length: usize| format!("GET /hello?{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(length));
    for (request, expected) in [
        (post(64 * 1024), 200),
        (post(64 * 1024 + 1), 413),
        (chunked(2), 200),
        (chunked(3), 413),
        (get(&"A: b\r\n".repeat(60)), 200),
        (get(&"A: b\r\n".repeat(200)), 431),
        (get(&format!("A: {}\r\n", "x".repeat(15 * 1024))), 200),
        (get(&format!("A: {}\r\n", "x".repeat(17 * 1024))), 431),
        (get(&format!("A: {}\r\n", "x".repeat(64 * 1024))), 431),
        (uri(8 * 1024 - 16), 200),
        (uri(8 * 1024), 414),
        (uri(16 * 1024), 414),
        (get("Content-Encoding: gzip\r\n"), 415),
        ("CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n".into(), 405),
    ] {
        let answer = exchange(server.public, &request).await;
        let shown: String = request.chars().take(80).collect();
        assert_eq!(status(&answer), expected, "{shown} ({}): {answer:.200}", request.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_two_lengths_is_refused() {
    let server = start(&local(), quick());
    for headers in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Content-Length: 4\r\nContent-Length: 4\r\n",
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "content-length: 4\r\ntransfer-ENCODING: gzip, chunked\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Content-Length: +4\r\n",
        "Content-Length : 4\r\n",
        "A: b\r\n folded\r\n",
    ] {
        let request = format!("POST /echo HTTP/1.1\r\nHost: x\r\n{headers}\r\n0\r\n\r\n");
        // Wherever it stands on the connection.
        for before in [
            "",
            "\r\n\r\n",
            "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody",
            "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody\r\n\r\n",
        ] {
            let answers = all_answers(server.public, &format!("{before}{request}")).await;
            let last = answers.last().expect("an answer");
            let wanted = 1 + usize::from(before.contains("HTTP"));
            assert_eq!(answers.len(), wanted, "{before:?} {headers:?}: {answers:?}");
            assert_eq!(status(last), 400, "{before:?} {headers:?}: {answers:?}");
        }
    }
}

/// All that comes until the server closes, one answer each.
async fn all_answers(address: std::net::SocketAddr, bytes: &str) -> Vec<String> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(bytes.as_bytes()).await;
    let mut read = Vec::new();
    let whole = stream.read_to_end(&mut read);
    let _ = tokio::time::timeout(Duration::from_secs(5), whole).await.expect("it closes");
    let text = String::from_utf8_lossy(&read).into_owned();
    text.split("HTTP/1.1 ").skip(1).map(|answer| format!("HTTP/1.1 {answer}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_proxy_may_read_otherwise_is_refused() {
    let server = start(&local(), quick());
    let hidden = "GET /large HTTP/1.1\r\nHost: x\r\n\r\n";
    for request in [
        // Bare line feeds.
        "GET /hello HTTP/1.1\nHost: x\n\n".to_owned(),
        "GET /hello HTTP/1.1\r\nHost: x\nA: b\r\n\r\n".to_owned(),
        "GET /hello HTTP/1.1\r\nHost: x\r\n\n".to_owned(),
        // Bare carriage returns, NUL, a blank before the colon, vertical tabs.
        "GET /hello HTTP/1.1\r\nHost: x\r\nA: b\rContent-Length: 4\r\n\r\n".to_owned(),
        "GET /hello HTTP/1.1\r\nHost: x\r\nA\0: b\r\n\r\n".to_owned(),
        "GET /hello HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n".to_owned(),
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n".into(),
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n".into(),
        "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n".into(),
        "POST /echo HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(),
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0x4\r\n\r\nbody".into(),
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -4\r\n\r\nbody".into(),
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4,4\r\n\r\nbody".into(),
    ] {
        let answers = all_answers(server.public, &format!("{request}{hidden}")).await;
        assert_eq!(answers.len(), 1, "{request:?}: {answers:?}");
        assert_eq!(status(&answers[0]), 400, "{request:?}: {answers:?}");
    }
    // A chunked body that is not well formed ends the connection, and nothing after it is read.
    for body in [
        "4\nbody\n0\n\n",
        "4 \r\nbody\r\n0\r\n\r\n",
        "+4\r\nbody\r\n0\r\n\r\n",
        "0x4\r\nbody\r\n0\r\n\r\n",
        "4\r\nbodyX\r\n0\r\n\r\n",
        "FFFFFFFFFFFFFFFFF\r\nbody\r\n0\r\n\r\n",
        "4;a=b\nc\r\nbody\r\n0\r\n\r\n",
        "4\r\nbody\r\n0\r\n\r\n",
    ] {
        let head = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answers = all_answers(server.public, &format!("{head}{body}{hidden}")).await;
        assert!(answers.len() <= 1, "{body:?}: {answers:?}");
        for answer in answers {
            assert!(matches!(status(&answer), 200 | 400 | 408), "{body:?}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_come_together_are_answered_in_turn() {
    let server = start(&local(), quick());
    let get = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
    let post = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n";
    let post = format!("{post}{}", "x".repeat(40_000));
    let last = "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    for (requests, wanted) in [
        (format!("{get}{get}{last}"), 3),
        (format!("{post}{get}{last}"), 3),
        (format!("{get}\r\n{post}\r\n{post}{last}"), 4),
    ] {
        let answers = all_answers(server.public, &requests).await;
        let statuses: Vec<_> = answers.iter().map(|answer| status(answer)).collect();
        assert_eq!(statuses, vec![200; wanted], "{}", requests.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_bounded_and_the_next_is_served_when_one_ends() {
    let mut config = local();
    config.server.max_connections = 2;
    let server = start(&config, quick());
    let one = TcpStream::connect(server.public).await.unwrap();
    let _two = TcpStream::connect(server.public).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let begun = Instant::now();
    let waiting = tokio::spawn(get_path(server.public, "/hello"));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished());
    // Health is asked elsewhere and does not wait.
    assert_eq!(status(&get_path(server.management, "/healthz").await), 200);
    drop(one);
    assert_eq!(status(&waiting.await.unwrap()), 200);
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_slow_clients_are_cut_off_and_keep_nobody_waiting() {
    let mut config = local();
    config.server.max_connections = 1000;
    let server = start(&config, quick());
    let mut slow = Vec::new();
    for number in 0..400 {
        let mut stream = TcpStream::connect(server.public).await.unwrap();
        let first: &[u8] = match number % 3 {
            0 => b"GET /hello HTTP/1.1\r\nHost: x\r\nA: ",
            1 => b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\na",
            _ => b"",
        };
        stream.write_all(first).await.unwrap();
        slow.push(stream);
    }
    for _ in 0..20 {
        let begun = Instant::now();
        assert_eq!(status(&get_path(server.public, "/hello").await), 200);
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
    let begun = Instant::now();
    for mut stream in slow {
        closed_after(&mut stream, b"").await;
    }
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!(status(&get_path(server.public, "/hello").await), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_keeps_us_waiting_longest_makes_room() {
    let mut config = local();
    config.server.max_connections = 4;
    let server = start(&config, Limits::default());
    let mut slow = Vec::new();
    for first in [
        "",
        "GET /hello HTTP/1.1\r\nHost: x\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na",
    ] {
        let mut stream = TcpStream::connect(server.public).await.unwrap();
        stream.write_all(first.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        slow.push(stream);
    }
    // Somebody who is at it all the time.
    let mut busy = TcpStream::connect(server.public).await.unwrap();
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        busy.write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert_eq!(status(&read_response(&mut busy).await), 200);
    }
    // Every place is taken, for ten seconds and more; yet each newcomer is served.
    let mut stay = Vec::new();
    for newcomer in 0..3 {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(server.public).await.unwrap();
        stream.write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert_eq!(status(&read_response(&mut stream).await), 200, "{newcomer}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{newcomer}: {:?}", begun.elapsed());
        stay.push(stream);
    }
    assert_eq!(server.metrics.counted("displaced_connections"), 3);
    for mut stream in slow {
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(1), stream.read_to_end(&mut rest)).await;
        assert!(rest.is_empty(), "it was let go without an answer");
    }
    busy.write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(status(&read_response(&mut busy).await), 200, "who was not slow stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_places_are_taken_the_next_request_is_told_so_at_once() {
    let mut config = local();
    config.server.max_requests = 2;
    let body_read = Duration::from_millis(900);
    let server = start(&config, Limits { body_read, request: body_read * 4, ..quick() });
    let half = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na";
    // Who looks whether all places are taken may itself take the last one for a moment.
    let public = server.public;
    let take_a_place = move || async move {
        for _ in 0..100 {
            let answer = exchange(public, half).await;
            if status(&answer) != 503 {
                return answer;
            }
        }
        panic!("there was never a place");
    };
    let waiting = [(); 2].map(|()| tokio::spawn(take_a_place()));
    let hello = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
    let until = async |wanted: u16| {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(5) {
            let answer = exchange(server.public, hello).await;
            if status(&answer) == wanted {
                return answer;
            }
        }
        panic!("never {wanted}");
    };
    let refused = until(503).await.to_ascii_lowercase();
    assert!(refused.contains("retry-after: 1"), "{refused}");
    // Operators are not in their way, nor they in theirs.
    assert_eq!(status(&get_path(server.management, "/healthz").await), 200);
    for one in waiting {
        assert_eq!(status(&one.await.unwrap()), 408, "that took too long");
    }
    until(200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_never_come_make_room_for_others() {
    let mut config = local();
    config.server.max_requests = 2;
    let limits =
        Limits { body_read: Duration::from_mins(1), request: Duration::from_mins(1), ..quick() };
    let server = start(&config, limits);
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(server.public).await.unwrap();
        stream
            .write_all(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na")
            .await
            .unwrap();
        slow.push(stream);
    }
    let hello = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut seen = Vec::new();
    let begun = Instant::now();
    // Nobody has to go who is slow for less than a second.
    while begun.elapsed() < Duration::from_secs(10) {
        seen.push(status(&exchange(server.public, hello).await));
        if seen.contains(&503) && seen.ends_with(&[200]) {
            return;
        }
    }
    panic!("slow clients kept all places: {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_may_have_thirty_two_requests_at_a_time() {
    let server = start(&local(), quick());
    let mut stream = TcpStream::connect(server.public).await.unwrap();
    // The preface of HTTP/2 and empty settings (RFC 9113 §3.4).
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "the first frame holds the settings");
    let mut settings = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
    stream.read_exact(&mut settings).await.unwrap();
    // SETTINGS_MAX_CONCURRENT_STREAMS (§6.5.2).
    let streams = settings.chunks(6).find(|setting| setting[..2] == [0, 3]).expect("a bound");
    assert_eq!(streams[2..], [0, 0, 0, 32]);
}
