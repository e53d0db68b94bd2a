//! TLS on the public listener.

use std::time::Duration;

use latchkey::config::Tls;
use latchkey::server::tls::Certificate;
use reqwest::Version;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::{local, quick, start, status};

fn client(certificate: &[u8]) -> reqwest::ClientBuilder {
    let root = reqwest::Certificate::from_der(certificate).unwrap();
    reqwest::Client::builder().tls_certs_only([root]).no_proxy()
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_speaks_http2_and_http1_with_a_certificate_made_at_start() {
    let mut config = local();
    config.server.tls.ephemeral = true;
    let server = start(&config, quick());
    let url = format!("https://localhost:{}/hello", server.public.port());
    for (client, version) in [
        (client(&server.certificate), Version::HTTP_2),
        (client(&server.certificate).http1_only(), Version::HTTP_11),
        (
            client(&server.certificate).tls_version_max(reqwest::tls::Version::TLS_1_2),
            Version::HTTP_2,
        ),
    ] {
        let response = client.build().unwrap().get(&url).send().await.unwrap();
        assert_eq!(response.version(), version);
        assert_eq!(response.headers()["x-request-id"].len(), 16);
        assert_eq!(response.text().await.unwrap(), "hello");
    }
    let stranger = reqwest::Client::builder().no_proxy().build().unwrap();
    assert!(stranger.get(&url).send().await.is_err());
    // No TLS 1.1.
    let old = client(&server.certificate).tls_version_max(reqwest::tls::Version::TLS_1_1);
    assert!(match old.build() {
        Ok(old) => old.get(&url).send().await.is_err(),
        Err(_) => true,
    });
    // Bounds hold on HTTP/2 too.
    let client = client(&server.certificate).build().unwrap();
    let body = vec![b'x'; 64 * 1024 + 1];
    let echo = url.replace("hello", "echo");
    let response = client.post(&echo).body(body).send().await.unwrap();
    assert_eq!(response.status(), 413);
    let response = client.get(url.replace("hello", "panic")).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (500, Version::HTTP_2));
    assert_eq!(status(&super::get_path(server.management, "/healthz").await), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_never_ends_is_cut_off() {
    let mut config = local();
    config.server.tls.ephemeral = true;
    let server = start(&config, quick());
    let mut stream = TcpStream::connect(server.public).await.unwrap();
    let end = tokio::time::timeout(Duration::from_secs(2), stream.read_u8()).await;
    assert!(end.expect("it is closed").is_err());
    assert_eq!(server.metrics.counted("tls_failures"), 1);
}

#[test]
fn a_certificate_is_read_again_and_a_bad_one_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let renew = || {
        let made = rcgen::generate_simple_self_signed([String::from("localhost")]).unwrap();
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        made.cert.der().to_vec()
    };
    let config =
        Tls { certificate: Some(certificate.clone()), key: Some(key.clone()), ephemeral: false };
    let first = renew();
    let opened = Certificate::open(&config, "localhost").unwrap().unwrap();
    assert_eq!(opened.der(), first);
    let second = renew();
    opened.reload().unwrap();
    assert_eq!(opened.der(), second);
    let other = rcgen::generate_simple_self_signed([String::from("localhost")]).unwrap();
    std::fs::write(&key, other.signing_key.serialize_pem()).unwrap();
    for (file, text) in [(&key, None), (&certificate, Some("nonsense")), (&key, Some("nonsense"))] {
        if let Some(text) = text {
            std::fs::write(file, text).unwrap();
        }
        let error = format!("{:#}", opened.reload().unwrap_err());
        assert!(error.starts_with("server.tls"), "{error}");
        assert_eq!(opened.der(), second);
    }
}
