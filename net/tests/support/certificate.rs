// For the examples in the documentation of this crate, which include it as an expression: a
// certificate for `localhost` and 127.0.0.1, signed by itself, and its key, as files. With them
// comes a guard that removes them.
{
    struct Folder(std::path::PathBuf);

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn make() -> (cafewire_net::TlsIdentity, Folder) {
        let name = |number: u32| std::env::temp_dir().join(format!("cafewire-{}-{number}", std::process::id()));
        let folder = (0..1000).map(name).find(|folder| std::fs::create_dir(folder).is_ok()).unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let identity =
            cafewire_net::TlsIdentity { certificate: folder.join("server.pem"), key: folder.join("server.key") };
        std::fs::write(&identity.certificate, made.cert.pem()).unwrap();
        std::fs::write(&identity.key, made.signing_key.serialize_pem()).unwrap();
        (identity, Folder(folder))
    }

    make()
}
