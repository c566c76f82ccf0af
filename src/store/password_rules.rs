//! What a new password must be. Existing ones stay valid.

/// Shortest password, characters without the spaces around it.
pub(super) const SHORTEST_PASSWORD: usize = 12;

/// Longest password, bytes: a longer one is no safer, and takes time to hash.
pub(super) const LONGEST_PASSWORD: usize = 1024;

/// Different characters that it has at least.
const DIFFERENT: usize = 5;

/// Characters that must be left once the user's name, common words and runs such as `1234` are taken out.
const OWN: usize = 6;

/// Shortest run of equal or successive characters that is taken out.
const RUN: usize = 3;

/// Words that guessed passwords are made of, in the languages of the page, and what belongs to this program. From the
/// usual lists of leaked passwords: longer words first, so that a part does not spoil the whole.
const COMMON: [&str; 51] = [
    "administrator",
    "administrador",
    "administrateur",
    "microscopio",
    "laboratorio",
    "laboratoire",
    "hematologia",
    "haematology",
    "hematology",
    "leukoscope",
    "laboratory",
    "microscope",
    "contrasena",
    "contraseña",
    "motdepasse",
    "bienvenido",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "bienvenue",
    "asdfghjkl",
    "iloveyou",
    "trustno1",
    "password",
    "passwort",
    "passw0rd",
    "p@ssw0rd",
    "p@ssword",
    "superman",
    "football",
    "baseball",
    "sunshine",
    "princess",
    "changeme",
    "hospital",
    "clinique",
    "starwars",
    "welcome",
    "letmein",
    "clinica",
    "freedom",
    "michael",
    "dragon",
    "monkey",
    "master",
    "qwerty",
    "qwertz",
    "azerty",
    "secret",
    "admin",
    "clinic",
];

/// Checks a new password of this user.
///
/// # Errors
/// Why it is refused, and what a good one is.
pub(super) fn check_new_password(name: &str, password: &str) -> Result<(), String> {
    if password.len() > LONGEST_PASSWORD {
        return Err(format!("a password has at most {LONGEST_PASSWORD} bytes"));
    }
    let letters: Vec<char> = password.trim().to_lowercase().chars().collect();
    if letters.len() < SHORTEST_PASSWORD {
        return Err(format!(
            "a password has at least {SHORTEST_PASSWORD} characters, spaces around it not counted; three or four words are \
             a good one"
        ));
    }
    let mut different: Vec<char> = letters.iter().copied().filter(|letter| !letter.is_whitespace()).collect();
    different.sort_unstable();
    different.dedup();
    if different.len() < DIFFERENT {
        return Err(format!(
            "a password has at least {DIFFERENT} different characters; three or four words are a good one"
        ));
    }
    if own(name, &letters.iter().collect::<String>()) < OWN {
        return Err(
            "this password is easy to guess: it is made of the user's name, common words, or runs such as 1234; \
                    three or four words of your own are a good one"
                .to_owned(),
        );
    }
    Ok(())
}

/// Letters and digits of a password in small letters that are neither the user's name, nor a common word, nor a run.
fn own(name: &str, password: &str) -> usize {
    let mut rest = password.to_owned();
    let name = name.to_lowercase();
    let words = std::iter::once(name.as_str()).filter(|name| name.len() >= 3).chain(COMMON);
    for word in words {
        rest = rest.replace(word, " ");
    }
    let letters: Vec<char> = rest.chars().collect();
    let step = |at: usize| i64::from(u32::from(letters[at + 1])) - i64::from(u32::from(letters[at]));
    let (mut own, mut at) = (0, 0);
    while at < letters.len() {
        let mut end = at + 1;
        if end < letters.len() && (-1..=1).contains(&step(at)) {
            let by = step(at);
            while end < letters.len() && step(end - 1) == by {
                end += 1;
            }
        }
        if end - at < RUN {
            // The second of a pair may begin a run.
            end = at + 1;
            own += usize::from(letters[at].is_alphanumeric());
        }
        at = end;
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_anybody_would_try_is_no_password() {
        for (name, password) in [
            ("ada", "          "),
            ("ada", "            "),
            ("ada", "short"),
            ("ada", "password123"),
            ("ada", "password1234"),
            ("ada", "Password12345!"),
            ("ada", "passwordpassword"),
            ("ada", "aaaaaaaaaaaaaaa"),
            ("ada", "abababababababab"),
            ("ada", "123456789012345"),
            ("ada", "abcdefghijklmnop"),
            ("ada", "qwertyuiop123"),
            ("ada", "leukoscope2026"),
            ("ada", "administrator1"),
            ("rita.lopez", "rita.lopez1234"),
            ("rita.lopez", "Rita.Lopez Rita.Lopez"),
            ("ada", "a           b"),
            ("ada", "contraseña1234"),
            ("ada", "laboratorio2026"),
        ] {
            assert!(check_new_password(name, password).is_err(), "{password}");
        }
        for password in [
            "correct horse battery",
            "another horse battery",
            "another good long one",
            "eight horses too many",
            "a good long password",
            "tres gatos y medio",
            "vT9-qLw2-88xz",
        ] {
            assert_eq!(check_new_password("ada", password), Ok(()), "{password}");
        }
        assert!(check_new_password("ada", &"x y z é 1 ".repeat(200)).is_err(), "longer than takes time to hash");
    }

    proptest! {
        #[test]
        fn any_text_gets_an_answer(name in "[a-z]{0,8}", password in "\\PC{0,60}") {
            let _ = check_new_password(&name, &password);
        }
    }
}
