//! The URLs of clients.

use ureq::http::Uri;
use ureq::http::uri::{Authority, PathAndQuery, Scheme};

use crate::transport::{Error, ErrorKind};

/// Reads the URL of a server.
pub(super) fn parse(text: &str) -> Result<Uri, Error> {
    let invalid =
        |why: &str| Error::new(ErrorKind::InvalidAddress, format!("that is no URL to post to: {why}"));
    // A fragment is for who reads a page.
    let text = text.split('#').next().unwrap_or_default();
    let url: Uri = text.parse().map_err(|error| invalid("give \"http://host:port/path\"").because(error))?;
    match url.scheme_str() {
        Some("http") => {}
        Some("https") if cfg!(feature = "https") => {}
        Some("https") => return Err(invalid("https needs the crate's feature `https`")),
        _ => return Err(invalid("it has to begin with \"http://\" or \"https://\"")),
    }
    match url.host() {
        None | Some("") => Err(invalid("it has no host")),
        Some(_) if url.port_u16().is_none() && url.authority().is_some_and(has_port) => {
            Err(invalid("what follows the colon is no port"))
        }
        Some(_) => Ok(url),
    }
}

/// Whether something that should be a port stands in it. An IPv6 number has colons within its brackets.
fn has_port(authority: &Authority) -> bool {
    let host = authority.as_str().rsplit('@').next().unwrap_or_default();
    host.rsplit(']').next().is_some_and(|rest| rest.contains(':'))
}

/// Where a server that was asked at `base` wants to be asked. `None` if that cannot be followed.
pub(super) fn redirected(base: &Uri, location: &str) -> Option<Uri> {
    let location = location.split('#').next()?;
    let (scheme, authority) = (base.scheme()?, base.authority()?);
    let target = if location.starts_with("//") {
        parse(&format!("{scheme}:{location}")).ok()?
    } else if location.contains("://") {
        parse(location).ok()?
    } else {
        let path = if location.starts_with('/') {
            location.to_owned()
        } else if location.starts_with('?') {
            format!("{}{location}", base.path())
        } else {
            let folder = base.path().rfind('/').map_or("/", |end| &base.path()[..=end]);
            format!("{folder}{location}")
        };
        with_path(scheme, authority, path.parse().ok()?)?
    };
    let is_less_secure = *scheme == Scheme::HTTPS && target.scheme() != Some(&Scheme::HTTPS);
    if is_less_secure { None } else { Some(target) }
}

fn with_path(scheme: &Scheme, authority: &Authority, path: PathAndQuery) -> Option<Uri> {
    Uri::builder().scheme(scheme.clone()).authority(authority.clone()).path_and_query(path).build().ok()
}

/// Whether both are of one server, which may see the same secrets.
pub(super) fn is_same_server(one: &Uri, other: &Uri) -> bool {
    one.scheme() == other.scheme() && one.authority() == other.authority()
}

/// The URL without user, password and query, for messages that people see.
pub(super) fn without_secrets(url: &Uri) -> String {
    let scheme = url.scheme_str().unwrap_or_default();
    let authority = url.authority().map_or("", Authority::as_str);
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{}", url.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_url_is_told_so() {
        for text in [
            "",
            "localhost:80",
            "/rpc",
            "ftp://host/",
            "http://",
            "http:///path",
            "http://a b/",
            "http://h:x/",
            "http://h:/",
            "http://h:65536/",
            "http://[::1]:/",
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidAddress, "{text}: {error}");
        }
        for text in
            ["http://h", "http://h:80/p?q#f", "http://[::1]:80/", "http://[::1]/", "HTTP://user:pass@h/"]
        {
            parse(text).unwrap();
        }
    }

    #[test]
    fn redirections_are_resolved() {
        let base = parse("http://h:1/a/b?c").unwrap();
        for (location, target) in [
            ("/x", "http://h:1/x"),
            ("x?y", "http://h:1/a/x?y"),
            ("?y", "http://h:1/a/b?y"),
            ("http://other/z#part", "http://other/z"),
            ("//other/z", "http://other/z"),
        ] {
            assert_eq!(redirected(&base, location).unwrap().to_string(), target);
        }
        assert_eq!(redirected(&base, "ftp://other/"), None);
        assert_eq!(redirected(&base, "http://"), None);
        let secure: Uri = "https://h/".parse().unwrap();
        assert_eq!(redirected(&secure, "http://h/"), None);
        assert!(!is_same_server(&base, &"http://h:2/".parse().unwrap()));
    }

    #[test]
    fn secrets_are_not_shown() {
        let url = parse("http://user:pass@h:1/p?token=1").unwrap();
        assert_eq!(without_secrets(&url), "http://h:1/p");
    }
}
