//! Certificates that keep a client from its server: plain sentences, with the option that helps.

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use crate::support::{Folder, Server, run};

/// A server on TLS with a certificate for localhost that is valid in these years; also its
/// certificate's file.
fn server(folder: &Folder, from_year: i32, to_year: i32) -> (Server, String) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    (params.not_before, params.not_after) =
        (date_time_ymd(from_year, 1, 1), date_time_ymd(to_year, 1, 1));
    let certificate = params.self_signed(&key).expect("a certificate").pem();
    let (cert, key) =
        (folder.write("cert.pem", &certificate), folder.write("key.pem", &key.serialize_pem()));
    let options = ["--tls-certificate", &cert, "--tls-key", &key];
    let server = Server::start_with(&[&options[..], &["--listen", "tls://127.0.0.1:0"]].concat());
    (server, cert)
}

/// Where the server listens with TLS, under this name.
fn address(server: &mut Server, name: &str) -> String {
    let line = server.running.line_with("tls://");
    format!("tls://{name}:{}", line.rsplit(':').next().expect("a port"))
}

#[test]
fn a_certificate_out_of_its_time_is_called_that() {
    let folder = Folder::new("out-of-time");
    for (years, sentence) in [
        ((2020, 2021), "the server's certificate was refused: it has expired, "),
        ((2999, 3000), "the server's certificate was refused: it is not valid yet, but in "),
    ] {
        let (mut server, cert) = server(&folder, years.0, years.1);
        let address = address(&mut server, "localhost");
        for args in [
            &["ping", &address, "--ca", &cert, "-c", "1"][..],
            &["send", &address, "--ca", &cert, "--user", "a", "--room", "b", "hi"],
        ] {
            let ended = run(args, "");
            ended.assert_failed(1, sentence);
            // The same certificate is trusted here and shown there.
            let warned = ended.stderr.contains("where it is shown itself it is refused");
            assert!(warned && !ended.stderr.contains("what it signed"), "{ended:?}");
        }
    }
}

#[test]
fn errors_name_the_option_that_helps() {
    let folder = Folder::new("options");
    let (mut server, cert) = server(&folder, 2020, 2999);
    let localhost = address(&mut server, "localhost");
    let (_, other) = self::server(&folder, 2020, 2999);
    let ping = |address: &str, options: &[&str], needle: &str| {
        run(&[&["ping", address, "-c", "1"], options].concat(), "").assert_failed(1, needle);
    };
    // That of another server, with the same name.
    ping(&localhost, &["--ca", &other], "no trusted authority signed it");
    ping(&localhost, &["--ca", &other], "(--ca)");
    ping(&localhost, &[], "(--ca)");
    let nowhere = ": No such file or directory (os error 2)";
    let no_ca =
        format!("/nowhere.pem, the file with the CA certificate, cannot be read{nowhere} (--ca)");
    ping(&localhost, &["--ca", "/nowhere.pem"], &no_ca);
    let no_cert = format!("with the certificate, cannot be read{nowhere} (--cert)");
    let key = folder.path("key.pem");
    ping(&localhost, &["--ca", &cert, "--cert", "/nowhere.pem", "--key", &key], &no_cert);
    let no_key = format!("cannot be read{nowhere} (--key)");
    ping(&localhost, &["--ca", &cert, "--cert", &cert, "--key", "/nowhere.key"], &no_key);
    // A section of the right name that holds something else.
    let label = "CERTIFICATE";
    let other_content = format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
    let odd = folder.write("odd.pem", &other_content);
    let bad = |option| {
        let block = "odd.pem, which begins in line 1, is no certificate that can be used";
        format!("{block}: bad encoding ({option})")
    };
    ping(&localhost, &["--ca", &odd], &bad("--ca"));
    let own = ["--ca", &cert, "--cert", &odd, "--key", &key];
    ping(&localhost, &own, &bad("--cert"));
    let by_number = localhost.replace("localhost", "127.0.0.1");
    ping(&by_number, &["--ca", &other], "certificate was refused");
}
