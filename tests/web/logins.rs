//! Passwords and logins: what is taken, what is held up, and when a login ends.

use leukoscope::store::records::Role;

use crate::station::{PASSWORD, Station};

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
