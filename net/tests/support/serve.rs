// For the examples in the documentation of this crate, which include it as an expression: a
// function that serves on any free port with a configuration, or with the default one. It returns
// the address, a handle, and a guard that shuts the server down and waits for its end.
{
    struct Serving {
        handle: cafewire_net::ServerHandle,
        thread: Option<std::thread::JoinHandle<std::io::Result<()>>>,
    }

    impl Drop for Serving {
        fn drop(&mut self) {
            self.handle.shut_down();
            let outcome = self.thread.take().map(std::thread::JoinHandle::join);
            // A failure of the example says more than this one.
            if !std::thread::panicking() {
                outcome.unwrap().expect("the server panicked").expect("the server failed");
            }
        }
    }

    fn serve(
        config: Option<cafewire_net::ServerConfig>,
    ) -> (cafewire_net::Address, cafewire_net::ServerHandle, Serving) {
        let mut config = config.unwrap_or_default();
        if config.listen == [cafewire_net::Address::default().into()] {
            config.listen = vec!["127.0.0.1:0".parse().unwrap()];
        }
        let server = cafewire_net::Server::bind(config).expect("a server on a free port");
        let (address, handle) = (server.local_addresses()[0].clone(), server.handle());
        let thread = Some(std::thread::spawn(|| server.run()));
        (address, handle.clone(), Serving { handle, thread })
    }

    serve
}
