// For the examples in the documentation of this crate, which include it as an expression: a
// self-signed certificate for `localhost` and 127.0.0.1 and its key, as files, with a guard that
// removes them.
{
    struct Folder(std::path::PathBuf);

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn make() -> (cafewire_net::TlsIdentity, Folder) {
        let process = std::process::id();
        let folder = (0..1000)
            .map(|number| std::env::temp_dir().join(format!("cafewire-{process}-{number}")))
            .find(|folder| std::fs::create_dir(folder).is_ok())
            .unwrap();
        let names = ["localhost", "127.0.0.1"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let identity = cafewire_net::TlsIdentity {
            certificate: folder.join("server.pem"),
            key: folder.join("server.key"),
        };
        std::fs::write(&identity.certificate, made.cert.pem()).unwrap();
        std::fs::write(&identity.key, made.signing_key.serialize_pem()).unwrap();
        (identity, Folder(folder))
    }

    make()
}
