//! What is allowed, and most likely not meant.

use std::net::IpAddr;

use super::Config;

impl Config {
    /// What is allowed, and most likely not meant.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let server = &self.server;
        let ends_tls = server.tls.certificate.is_some() || server.tls.ephemeral;
        let mut warnings = Vec::new();
        let is_behind_a_proxy = self.issuer.starts_with("https://") && !ends_tls;
        if is_behind_a_proxy && server.trusted_proxies.is_empty() {
            warnings.push(format!(
                "the issuer is https and server.listen ({}) is not, so a proxy seems to stand \
                 before it, but server.trusted_proxies is empty: everybody has the proxy's \
                 address, in limits, in the history and in mails. Name the proxy's network there",
                server.listen
            ));
        }
        let trusts = |address: IpAddr| {
            server.trusted_proxies.iter().any(|network| network.contains(&address))
        };
        let here = server.listen.ip();
        let is_named = server.trusted_proxies.is_empty() || trusts(here);
        if is_behind_a_proxy && here.is_loopback() && !is_named {
            warnings.push(format!(
                "a proxy seems to stand before server.listen ({}), which only this machine reaches, \
                 but server.trusted_proxies does not hold {here}: everybody has that address, in \
                 limits, in the history and in mails. Add it",
                server.listen
            ));
        }
        for network in server.trusted_proxies.iter().filter(|network| network.prefix_len() == 0) {
            warnings.push(format!(
                "server.trusted_proxies holds {network}, which is everybody: whoever connects \
                 chooses the address that limits, history and mails have of them. Name only the \
                 networks of your own proxies"
            ));
        }
        warnings
    }
}
