//! Attacks on the page over real sockets, and how it answers.

use crate::station::{PASSWORD, Station};
use leukoscope::store::records::Role;

/// Requests that need more than an operator's role: the first three a reviewer's, the others an admin's.
const CHANGES: [(&str, &str, &str); 15] = [
    ("PUT", "/api/sessions/1/cells", r#"{"cells":[2],"class":"EOS"}"#),
    ("POST", "/api/sessions/1/undo", ""),
    ("POST", "/api/sessions/1/sign", r#"{"password":"correct horse battery","fingerprint":""}"#),
    ("PUT", "/api/settings", r#"{"target":1}"#),
    ("GET", "/api/adaptation", ""),
    ("GET", "/api/adaptation/next", ""),
    ("POST", "/api/adaptation", r#"{"name":"ward"}"#),
    ("PUT", "/api/adaptation/profile", r#"{"sha256":null}"#),
    ("GET", "/api/users", ""),
    ("POST", "/api/users", r#"{"name":"eve","role":"admin","password":"correct horse battery"}"#),
    ("PATCH", "/api/users/otto", r#"{"role":"admin"}"#),
    ("GET", "/api/tokens", ""),
    ("POST", "/api/tokens", r#"{"name":"eve","role":"admin"}"#),
    ("DELETE", "/api/tokens/host", ""),
    ("GET", "/api/audit", ""),
];

#[test]
fn no_path_leads_out_of_the_page() {
    let station = Station::at_device();
    for path in [
        "/assets/../Cargo.toml",
        "/assets/../../../../etc/passwd",
        "/assets/%2e%2e/%2e%2e/etc/passwd",
        "/assets/..%2f..%2fetc%2fpasswd",
        "/assets/%2fetc%2fpasswd",
        "/assets//etc/passwd",
        "/assets/languages/../../../../etc/passwd",
        "/assets/languages/%2e%2e%2fmod.rs.json",
        "/assets/index.html%00.css",
        "/assets/%ff%fe",
        "/etc/passwd",
        "/../etc/passwd",
        "/api/../etc/passwd",
    ] {
        let answer = station.get(path, &[]);
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        answer.error();
    }
}

#[test]
fn nothing_is_shown_off_the_loopback_address_without_a_login() {
    let station = Station::in_network();
    for (method, path) in leukoscope::outputs::web::paths() {
        let path = path.replace("{id}", "1").replace("{n}", "1").replace("{name}", "otto");
        let answer = station.ask(&method.to_uppercase(), &path, &[], "");
        let open = ["/api/me", "/api/login", "/api/logout", "/api/openapi.json", "/healthz", "/readyz"];
        if open.contains(&path.as_str()) {
            assert_ne!(answer.status, 401, "{path}");
        } else {
            assert_eq!(answer.status, 401, "{method} {path}: {answer:?}");
            answer.error();
        }
    }
    let me = station.get("/api/me", &[]).json();
    assert_eq!((&me["name"], &me["role"], &me["login_needed"]), (&None::<()>.into(), &None::<()>.into(), &true.into()));
    assert_eq!(station.get("/", &[]).status, 200);
}

#[test]
fn at_the_device_one_counts_and_looks_but_signs_nothing() {
    let station = Station::at_device();
    let me = station.get("/api/me", &[]).json();
    assert_eq!((&me["name"], &me["role"], &me["login_needed"]), (&"device".into(), &"operator".into(), &false.into()));
    assert_eq!(station.get("/api/live", &[]).status, 200);
    let asked = station.ask("POST", "/api/live/commands", &[], r#"{"command":"start"}"#);
    assert_eq!(asked.status, 202);
    assert_eq!(station.asked.try_iter().count(), 1);
    let id = station.session("A-1");
    assert_eq!(station.get(&format!("/api/sessions/{id}"), &[]).status, 200);
    for (method, path, body) in CHANGES {
        let answer = station.ask(method, path, &[], body);
        assert_eq!(answer.status, 401, "{method} {path}: {answer:?}");
    }
}

#[test]
fn a_cookie_cannot_be_read_by_scripts_nor_sent_by_other_sites() {
    let station = Station::at_device();
    let cookie = station.try_login("otto", PASSWORD).cookie().to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert_eq!(cookie.split(['=', ';']).nth(1).unwrap().len(), 43, "32 bytes");
}

#[test]
fn forged_and_stale_cookies_are_worth_nothing() {
    let station = Station::in_network();
    let cookie = station.login("otto");
    assert_eq!(station.by(&cookie, "GET", "/api/live", "").status, 200);
    let mut forged = cookie.clone();
    forged.pop();
    for wrong in [&forged, "leukoscope=", "leukoscope=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "other=1"] {
        assert_eq!(station.by(wrong, "GET", "/api/live", "").status, 401, "{wrong}");
    }
    // A new login in the same browser replaces the old one.
    let body = format!(r#"{{"name":"rita","password":"{PASSWORD}"}}"#);
    let again = station.by(&cookie, "POST", "/api/login", &body);
    let second = again.cookie().split(';').next().unwrap().to_owned();
    assert_ne!(cookie, second);
    assert_eq!(station.by(&cookie, "GET", "/api/live", "").status, 401);
    assert_eq!(station.by(&second, "GET", "/api/me", "").json()["name"], "rita");
    assert_eq!(station.by(&second, "POST", "/api/logout", "").status, 204);
    assert_eq!(station.by(&second, "GET", "/api/live", "").status, 401);
}

#[test]
fn requests_from_the_pages_of_other_sites_change_nothing() {
    let station = Station::at_device();
    let cookie = format!("Cookie: {}", station.login("otto"));
    let ours = format!("Origin: {}", station.origin());
    let start = r#"{"command":"start"}"#;
    for lines in [
        vec![cookie.as_str(), "Origin: https://evil.example"],
        vec!["Origin: https://evil.example"],
        vec![cookie.as_str(), "Origin: null"],
        vec![cookie.as_str()],
        vec![cookie.as_str(), ours.as_str(), "Sec-Fetch-Site: cross-site"],
        vec![cookie.as_str(), ours.as_str(), "Origin: https://evil.example"],
    ] {
        let answer = station.ask("POST", "/api/live/commands", &lines, start);
        assert!(matches!(answer.status, 400 | 403), "{lines:?}: {answer:?}");
        answer.error();
    }
    // A form can send this without a CORS preflight.
    let text = station.raw(
        format!(
            "POST /api/live/commands HTTP/1.1\r\nHost: {}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{start}",
            station.host(),
            start.len()
        )
        .as_bytes(),
    );
    assert_eq!(text.status, 415);
    assert_eq!(station.asked.try_iter().count(), 0);
    assert_eq!(station.ask("POST", "/api/live/commands", &[&cookie, &ours], start).status, 202);
    assert_eq!(station.asked.try_iter().count(), 1);
}

#[test]
fn pages_of_other_sites_read_nothing_and_only_link_to_the_page() {
    let station = Station::at_device();
    for site in ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"] {
        for path in ["/api/sessions", "/api/live", "/api/me", "/api/openapi.json", "/assets/app.js"] {
            let answer = station.get(path, &[site]);
            assert_eq!((answer.status, answer.code().as_str()), (403, "other-site"), "{path}: {answer:?}");
        }
        assert_eq!(station.get("/", &[site]).status, 200, "following a link");
    }
    assert_eq!(station.get("/api/live", &["Sec-Fetch-Site: same-origin"]).status, 200);
    assert_eq!(station.get("/api/live", &["Sec-Fetch-Site: none"]).status, 200, "typed in");
}

#[test]
fn a_stream_is_not_opened_for_another_site() {
    let station = Station::at_device();
    let upgrade = ["Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="];
    let lines: Vec<_> = upgrade.iter().copied().chain(["Origin: https://evil.example"]).collect();
    assert_eq!(station.get("/api/live/stream", &lines).status, 403);
    let cookie = format!("Cookie: {}", station.login("otto"));
    let lines: Vec<_> = upgrade.iter().copied().chain([cookie.as_str()]).collect();
    assert_eq!(station.get("/api/live/stream", &lines).status, 403, "a cookie without an origin");
}

#[test]
fn a_name_that_was_changed_to_this_address_is_not_served() {
    let station = Station::at_device();
    for host in ["evil.example", "evil.example:8321", "10.0.0.7", "localhost.evil.example", ""] {
        let answer = station.get("/api/live", &[&format!("Host: {host}")]);
        assert_eq!(answer.status, 421, "{host}: {answer:?}");
        answer.error();
    }
    let raw = station.raw(b"GET /api/live HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert_eq!(raw.status, 400, "no host at all");
    let twice = station.get("/api/live", &["Host: localhost", "Host: evil.example"]);
    assert_eq!(twice.status, 400);
    let proxied = station.raw(b"GET http://evil.example/api/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(proxied.status, 400);
    assert_eq!(station.get("/api/live", &["Host: 127.0.0.1"]).status, 200);
}

#[test]
fn the_description_is_the_same_bytes_every_time() {
    let station = Station::at_device();
    let [first, second] = [(), ()].map(|()| station.get("/api/openapi.json", &[]));
    assert_eq!(first.header("content-type"), Some("application/json"));
    assert_eq!(first.body, second.body);
    assert!(first.json()["openapi"].as_str().unwrap().starts_with("3.1"));
}

#[test]
fn a_wrong_token_is_refused_even_at_the_device() {
    let station = Station::at_device();
    assert_eq!(station.get("/api/live", &["Authorization: Bearer wrong"]).status, 401);
    assert_eq!(station.get("/api/live", &["Authorization: Basic b3R0bzp4"]).status, 401);
    let program = format!("Authorization: Bearer {}", station.token(Role::Operator));
    let program = [program.as_str()];
    let me = station.get("/api/me", &program).json();
    assert_eq!((&me["name"], &me["role"]), (&"host".into(), &"operator".into()));
    let asked = station.ask("POST", "/api/live/commands", &program, r#"{"command":"new","sample":"A-17"}"#);
    assert_eq!(asked.status, 202, "a program has no Origin");
    station.store.remove_token("host", "console", jiff::Timestamp::now()).unwrap();
    assert_eq!(station.get("/api/live", &program).status, 401, "it was taken back");
}

#[test]
fn browsers_are_told_to_keep_others_out() {
    let station = Station::at_device();
    for path in ["/", "/api/me", "/api/nothing", "/assets/nothing"] {
        let answer = station.get(path, &[]);
        let csp = answer.header("content-security-policy").unwrap();
        assert!(csp.contains("default-src 'self'") && csp.contains("frame-ancestors 'none'"), "{csp}");
        assert!(!csp.contains("unsafe"), "{csp}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("cache-control") == Some("no-store"), path.starts_with("/api/"), "{path}");
    }
}

#[test]
fn each_role_may_what_is_its_own_and_no_more() {
    let station = Station::in_network();
    station.session("A-1");
    let (otto, rita) = (station.login("otto"), station.login("rita"));
    let trail = station.trail();
    for (at, (method, path, body)) in CHANGES.into_iter().enumerate() {
        for (who, refused) in [(&otto, true), (&rita, at >= 3)] {
            if refused {
                let answer = station.by(who, method, path, body);
                assert_eq!(answer.status, 403, "{method} {path}: {answer:?}");
                assert!(answer.error().starts_with("only a"), "{answer:?}");
            }
        }
    }
    assert_eq!(station.trail(), trail, "nothing was done");
}

#[test]
fn an_admins_token_never_becomes_a_person() {
    let station = Station::in_network();
    let token = format!("Authorization: Bearer {}", station.token(Role::Admin));
    let trail = station.trail();
    for (method, path, body) in [
        ("PATCH", "/api/users/rita", r#"{"password":"another horse battery"}"#),
        ("PATCH", "/api/users/rita", r#"{"enabled":false}"#),
        ("POST", "/api/users", r#"{"name":"eve","role":"reviewer","password":"another horse battery"}"#),
        ("POST", "/api/tokens", r#"{"name":"eve","role":"admin"}"#),
        ("DELETE", "/api/tokens/host", ""),
        ("PUT", "/api/me/password", r#"{"old":"correct horse battery","new":"another horse battery"}"#),
        ("POST", "/api/sessions/1/sign", r#"{"password":"correct horse battery","fingerprint":""}"#),
    ] {
        let answer = station.ask(method, path, &[&token], body);
        assert_eq!((answer.status, answer.code().as_str()), (403, "may-not"), "{method} {path}: {answer:?}");
    }
    let asked = ("token:host".to_owned(), "first use".to_owned());
    assert_eq!(station.trail(), [trail, vec![asked]].concat(), "nothing was done");
    assert_eq!(station.get("/api/users", &[&token]).status, 200, "it may look");
}

#[test]
fn a_token_has_a_line_when_it_is_first_used_and_none_after() {
    let station = Station::in_network();
    let bearer = format!("Authorization: Bearer {}", station.token(Role::Operator));
    for _ in 0..3 {
        assert_eq!(station.get("/api/sessions", &[&bearer]).status, 200);
    }
    let of_token: Vec<_> = station.trail().into_iter().filter(|(by, _)| by == "token:host").collect();
    assert_eq!(of_token, [("token:host".to_owned(), "first use".to_owned())]);
}

#[test]
fn the_page_never_parses_text_as_markup() {
    fn scripts(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                scripts(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "js") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    scripts(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/outputs/web/page"), &mut found);
    assert!(found.len() > 20);
    for path in found {
        let script = std::fs::read_to_string(&path).unwrap();
        for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "eval(", "setHTML"] {
            // The manual is a file of the program itself, and is parsed by that one call.
            let manual = way == "DOMParser" && path.ends_with("views/manual.js");
            assert_eq!(script.matches(way).count(), usize::from(manual), "{way} in {}", path.display());
            assert!(
                !manual
                    || script.matches("fetch(").count() == 1 && script.contains("fetch(`/assets/manual/${one}.html`)")
            );
        }
    }
}
