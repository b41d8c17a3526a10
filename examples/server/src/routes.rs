use std::ffi::OsString;

/// How a server reaches the others of its cluster.
#[derive(Debug, Clone, Default)]
pub(crate) struct Routes {
    /// On these ports. None: it is in no cluster.
    pub(crate) to: Vec<u16>,
    /// Whether it may reach them in no other way.
    pub(crate) only: bool,
}

impl Routes {
    /// What a server is told of its cluster, that listens to the others on this port.
    pub(crate) fn args(&self, port: u16) -> Vec<OsString> {
        if self.to.is_empty() {
            return Vec::new();
        }
        let route = |port: &u16| format!("nats://127.0.0.1:{port}");
        let to: Vec<String> = self.to.iter().map(route).collect();
        let to = to.join(",");
        let cluster = route(&port);
        let mut args = vec!["--cluster", &cluster, "--cluster_name", "local", "--routes", &to];
        if self.only {
            // What servers tell each other of themselves: a port where nobody listens.
            args.extend(["--cluster_advertise", "127.0.0.1:1"]);
        }
        // Clients reach the servers that they are told, through a proxy maybe, and no others.
        args.push("--no_advertise");
        args.into_iter().map(OsString::from).collect()
    }
}
