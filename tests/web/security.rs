//! Attacks on the page over real sockets, and how it answers.

use crate::station::{PASSWORD, Station};
use leukoscope::store::records::Role;

/// Requests that need more than an operator's role: the first three a reviewer's, the others an admin's.
const CHANGES: [(&str, &str, &str); 11] = [
    ("PUT", "/api/sessions/1/cells", r#"{"cells":[2],"class":"EOS"}"#),
    ("POST", "/api/sessions/1/undo", ""),
    ("POST", "/api/sessions/1/sign", r#"{"password":"correct horse battery","fingerprint":""}"#),
    ("PUT", "/api/settings", r#"{"target":1}"#),
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
        if matches!(path.as_str(), "/api/me" | "/api/login" | "/api/logout" | "/api/openapi.json") {
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
fn passwords_cannot_be_guessed_for_long() {
    let station = Station::at_device();
    for _ in 0..5 {
        let wrong = station.try_login("otto", "wrong horse battery");
        assert_eq!((wrong.status, wrong.error().as_str()), (401, "name or password are wrong"));
    }
    let throttled = station.try_login("otto", PASSWORD);
    assert_eq!((throttled.status, throttled.code().as_str()), (429, "throttled"), "even with the right one");
    let wait: u64 = throttled.header("retry-after").unwrap().parse().unwrap();
    assert_eq!(throttled.json()["retry_after"], wait);
    assert!((800..=900).contains(&wait), "{wait}");
    assert_eq!(station.try_login("rita", PASSWORD).status, 204, "others still can");
    let unknown = station.try_login("nobody", "wrong horse battery");
    assert_eq!((unknown.status, unknown.error().as_str()), (401, "name or password are wrong"));
}

#[test]
fn right_passwords_at_once_all_log_in() {
    let station = Station::at_device();
    std::thread::scope(|scope| {
        let tries: Vec<_> = (0..8).map(|_| scope.spawn(|| station.try_login("otto", PASSWORD))).collect();
        for answer in tries.into_iter().map(|thread| thread.join().unwrap()) {
            // On a very slow machine some may be told to wait, but none that it was wrong.
            assert!(answer.status == 204 || answer.code() == "busy", "{answer:?}");
        }
    });
    assert_eq!(station.try_login("otto", PASSWORD).status, 204);
}

#[test]
fn wrong_passwords_at_once_are_no_more_than_one_after_the_other() {
    let station = Station::at_device();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..12).map(|_| scope.spawn(|| station.try_login("otto", "wrong horse battery"))).collect();
        tries.into_iter().map(|thread| thread.join().unwrap().status).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 5, "{statuses:?}");
    assert_eq!(station.try_login("otto", PASSWORD).status, 429);
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
fn a_new_password_is_none_that_anybody_would_try_and_an_old_one_stays() {
    let station = Station::in_network();
    let ada = station.login("ada");
    for password in ["          ", "password123", "password1234", "aaaaaaaaaaaa", "bobbobbobbob", "123456789012"] {
        let body = serde_json::json!({"name": "bob", "role": "operator", "password": password}).to_string();
        let answer = station.by(&ada, "POST", "/api/users", &body);
        assert_eq!((answer.status, answer.code().as_str()), (409, "request"), "{password}");
        let body = serde_json::json!({"password": password}).to_string();
        assert_eq!(station.by(&ada, "PATCH", "/api/users/rita", &body).status, 409, "{password}");
    }
    assert_eq!(station.try_login("rita", PASSWORD).status, 204);
}

#[test]
fn who_is_shut_out_or_gets_another_role_is_so_at_once() {
    let station = Station::in_network();
    let (otto, rita, ada) = (station.login("otto"), station.login("rita"), station.login("ada"));
    assert_eq!(station.by(&ada, "PATCH", "/api/users/otto", r#"{"enabled":false}"#).status, 204);
    assert_eq!(station.by(&otto, "GET", "/api/live", "").status, 401);
    assert_eq!(station.try_login("otto", PASSWORD).status, 401);
    assert_eq!(station.by(&rita, "GET", "/api/users", "").status, 403);
    assert_eq!(station.by(&ada, "PATCH", "/api/users/rita", r#"{"role":"admin"}"#).status, 204);
    assert_eq!(station.by(&rita, "GET", "/api/users", "").status, 200);
    let secret = r#"{"password":"another horse battery"}"#;
    assert_eq!(station.by(&ada, "PATCH", "/api/users/rita", secret).status, 204);
    assert_eq!(station.by(&rita, "GET", "/api/live", "").status, 401, "a new password ends logins");
    // Disabled on the command line, behind the server's back.
    station.store.set_user("ada", None, Some(false), None, "console", jiff::Timestamp::now()).unwrap();
    assert_eq!(station.by(&ada, "GET", "/api/live", "").status, 401);
}

#[test]
fn a_password_or_lock_from_another_process_ends_every_login_before_it() {
    let station = Station::in_network();
    let now = jiff::Timestamp::now;
    let (otto, rita) = (station.login("otto"), station.login("rita"));
    let secret = "another horse battery";
    station.store.set_user("otto", None, None, Some(secret), "console", now()).unwrap();
    assert_eq!(station.by(&otto, "GET", "/api/live", "").code(), "login-needed");
    assert_eq!(station.try_login("otto", secret).status, 204);
    // No request is made under the login while the user is locked out.
    for enabled in [false, true] {
        station.store.set_user("rita", None, Some(enabled), None, "console", now()).unwrap();
    }
    assert_eq!(station.by(&rita, "GET", "/api/live", "").code(), "login-needed");
    // A login whose password was checked just before it was changed.
    let (_, early) = station.store.log_in("otto", secret).unwrap().unwrap();
    station.store.set_user("otto", None, None, Some(PASSWORD), "console", now()).unwrap();
    assert_ne!(station.store.account("otto").unwrap().unwrap().1, early);
    let again = station.login("rita");
    station.store.set_user("rita", Some(Role::Operator), Some(true), None, "console", now()).unwrap();
    assert_eq!(station.by(&again, "GET", "/api/me", "").json()["role"], "operator", "another role ends nothing");
}

#[test]
fn a_user_changes_the_own_password_and_is_the_only_one_still_logged_in() {
    let station = Station::in_network();
    let (here, elsewhere) = (station.login("otto"), station.login("otto"));
    let change = |cookie: &str, old: &str, new: &str| {
        let body = serde_json::json!({"old": old, "new": new}).to_string();
        station.by(cookie, "PUT", "/api/me/password", &body)
    };
    let new = "another horse battery";
    assert_eq!(change(&here, "wrong horse battery", new).code(), "wrong-password");
    let short = change(&here, PASSWORD, "short");
    assert!(short.code() == "request" && short.error().contains("at least 12"), "{short:?}");
    assert_eq!(station.by(&elsewhere, "GET", "/api/live", "").status, 200, "nothing changed so far");
    assert_eq!(change(&here, PASSWORD, new).status, 204);
    assert_eq!(station.by(&here, "GET", "/api/live", "").status, 200, "this login goes on");
    assert_eq!(station.by(&elsewhere, "GET", "/api/live", "").status, 401);
    assert_eq!(station.try_login("otto", PASSWORD).code(), "wrong-login");
    assert_eq!(station.try_login("otto", new).status, 204);
    assert!(station.trail().contains(&("otto".to_owned(), "change user".to_owned())));
    let token = format!("Authorization: Bearer {}", station.token(Role::Admin));
    let by_program = station.ask("PUT", "/api/me/password", &[&token], r#"{"old":"a","new":"b"}"#);
    assert_eq!(by_program.code(), "may-not");
}

#[test]
fn an_own_password_cannot_be_guessed_for_long() {
    let station = Station::in_network();
    let otto = station.login("otto");
    let body = r#"{"old":"wrong horse battery","new":"another horse battery"}"#;
    for _ in 0..5 {
        assert_eq!(station.by(&otto, "PUT", "/api/me/password", body).status, 403);
    }
    assert_eq!(station.by(&otto, "PUT", "/api/me/password", body).code(), "throttled");
}

#[test]
fn idle_logins_end() {
    // The login table tests the rule; this tests that the configured time reaches it.
    let station = Station::at("127.0.0.1:0", |web| web.config.idle_minutes = 0);
    let answer = station.try_login("otto", PASSWORD);
    assert_eq!(answer.status, 204);
    let cookie = answer.cookie().split(';').next().unwrap().to_owned();
    assert_eq!(station.by(&cookie, "GET", "/api/me", "").json()["name"], "device");
}

#[test]
fn logins_logouts_and_wrong_passwords_have_lines_but_not_one_each() {
    let mut station = Station::in_network();
    let before = station.trail().len();
    let otto = station.login("otto");
    assert_eq!(station.by(&otto, "POST", "/api/live/commands", r#"{"command":"start"}"#).status, 202);
    assert_eq!(station.asked.try_recv().unwrap().by, "otto");
    for _ in 0..4 {
        assert_eq!(station.try_login("rita", "wrong horse battery").status, 401);
        assert_eq!(station.try_login("secret typed as a name", "x").status, 401);
    }
    assert_eq!(station.try_login("secret typed as a name", "x").status, 401);
    assert_eq!(station.try_login("secret typed as a name", "x").status, 429);
    assert_eq!(station.by(&otto, "POST", "/api/logout", "").status, 204);
    let lines = || {
        let mut lines = station.store.audit(None, None, 100).unwrap();
        lines.reverse();
        lines.into_iter().skip(before).collect::<Vec<_>>()
    };
    let told: Vec<_> = lines().into_iter().map(|line| (line.by, line.action)).collect();
    let told: Vec<_> = told.iter().map(|(by, action)| (by.as_str(), action.as_str())).collect();
    let expected = [
        ("otto", "login"),
        ("device", "wrong password"),
        ("device", "wrong password"),
        ("device", "login held up"),
        ("otto", "logout"),
    ];
    assert_eq!(told, expected);
    assert_eq!((&lines()[1].detail["user"], &lines()[1].detail["from"]), (&"rita".into(), &"127.0.0.1".into()));
    // What was counted meanwhile is written at the end.
    station.end();
    let mut lines = station.store.audit(None, None, 100).unwrap();
    lines.retain(|line| line.action == "wrong password");
    let times = |user: serde_json::Value| -> u64 {
        lines.iter().filter(|line| line.detail["user"] == user).map(|line| line.detail["times"].as_u64().unwrap()).sum()
    };
    assert_eq!((times("rita".into()), times(serde_json::Value::Null), lines.len()), (4, 5, 4));
    assert!(lines.iter().all(|line| !line.detail.to_string().contains("secret")), "{lines:?}");
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
            assert!(!script.contains(way), "{way} in {}", path.display());
        }
    }
}
