//! The condition of the counting write and the judgement over a key say the same, also at the very moment in which a time ends.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use shared::channel::{ChannelId, Channels, Slug};
use shared::key::{Ask, AskedReach, Key, Limits, Refusal, Status};
use shared::permission::{Permission, Permissions};
use shared::scope::Scope;
use shared::secret::Secret;
use shared::store::{Store, Verdict};
use shared::time::Timestamp;
use tests::embedded_dynamodb::{Engine, KEYS};

/// Which secret a request brings.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Brings {
    Current,
    /// That of before a rotation, which ends so many milliseconds from now.
    Old(i64),
    Wrong,
}

fn slug(text: &str) -> Slug {
    Slug::try_from(text.to_owned()).expect("a slug")
}

fn number(n: i64) -> AttributeValue {
    AttributeValue::N(n.to_string())
}

/// How often a key was used in this minute, and its limit.
const USES: [Option<(i64, u32)>; 4] = [None, Some((2, 3)), Some((3, 3)), Some((4, 3))];

struct Case {
    status: Status,
    ends_in: Option<i64>,
    scope: Scope,
    permission: Permission,
    reach: AskedReach,
    brings: Brings,
    uses: Option<(i64, u32)>,
}

fn cases() -> Vec<Case> {
    let none = Channels::new();
    let ops = Channels::from([(slug("ops"), ChannelId::stored("1".to_owned()))]);
    let scopes = [Scope::All, Scope::Channels(ops), Scope::Channels(none)];
    let asked = [
        (Permission::Send, AskedReach::InBody),
        (Permission::Send, AskedReach::Channel(slug("ops"))),
        (Permission::Send, AskedReach::Channel(slug("news"))),
        (Permission::Send, AskedReach::Nobody),
        (Permission::Subscribe, AskedReach::Nobody),
    ];
    let mut cases = Vec::new();
    for brings in [Brings::Current, Brings::Old(-1), Brings::Old(0), Brings::Old(1), Brings::Wrong] {
        for ends_in in [None, Some(-1), Some(0), Some(1)] {
            for uses in USES {
                for scope in &scopes {
                    for (permission, reach) in asked.clone() {
                        let status = if cases.len() % 7 == 0 { Status::Inactive } else { Status::Active };
                        cases.push(Case { status, ends_in, scope: scope.clone(), permission, reach, brings, uses });
                    }
                }
            }
        }
    }
    cases
}

/// A key of this case, and the secret that its request brings.
async fn key(engine: &Engine, admin: &Store, case: &Case, now: Timestamp) -> (Key, Secret) {
    let (key, current) = engine
        .add_key(admin, |key| {
            key.status = case.status;
            key.permissions = Permissions::from([Permission::Send]);
            key.scope = Scope::All;
            key.expires_at = case.ends_in.map(|millis| Timestamp::from_millis(now.millis() + millis));
            key.limits = Limits { per_minute: case.uses.map(|(_, limit)| limit), per_day: None };
        })
        .await;
    let another = Secret::generate(&key.account, &key.id);
    let mut past = HashMap::new();
    if let Scope::Channels(channels) = &case.scope {
        // No channels exist here, so the store would not take them.
        let channels = channels.iter().map(|(slug, id)| (slug.to_string(), AttributeValue::S(id.as_str().to_owned())));
        past.insert("scope".to_owned(), AttributeValue::S("channels".to_owned()));
        past.insert("channels".to_owned(), AttributeValue::M(channels.collect()));
    }
    if let Brings::Old(ends_in) = case.brings {
        past.insert("old_hash".to_owned(), AttributeValue::B(Blob::new(another.hash().as_bytes())));
        past.insert("old_hint".to_owned(), AttributeValue::S("ab12".to_owned()));
        past.insert("old_until".to_owned(), number(now.millis() + ends_in));
    }
    if let Some((uses, _)) = case.uses {
        past.insert(format!("m{}", now.minute()), number(uses));
    }
    let item = engine.item(&key).await.into_iter().chain(past).collect();
    engine.client().put_item().table_name(KEYS).set_item(Some(item)).send().await.expect("the engine answers");
    (key, if case.brings == Brings::Current { current } else { another })
}

#[tokio::test]
async fn the_write_lands_exactly_where_the_judgement_lets_through() {
    let engine = Engine::start().await;
    let store = Engine::store(engine.url());
    let (mut through, mut refused) = (0, 0);

    for case in cases() {
        let now = Timestamp::now();
        let (key, secret) = key(&engine, &store, &case, now).await;
        let ask = Ask { permission: case.permission, reach: case.reach.clone() };
        let before = store.key(&key.account, &key.id).await.expect("the engine answers").expect("the key");
        let judged = before.judge(&secret.hash(), &ask, now);

        let verdict = store.authorize(&secret, &ask, now).await.expect("the write and the judgement agree");

        let shown = format!(
            "{:?} {:?} {:?} {:?} {ask:?} {:?}: {judged:?}, {verdict:?}",
            case.brings, case.status, case.ends_in, case.uses, case.scope
        );
        match (judged, verdict) {
            (Ok(_), Verdict::Through(caller)) => assert!(caller.retry_after.is_none(), "{shown}"),
            (Err(Refusal::RateLimited { retry_after }), Verdict::Through(caller)) => {
                assert_eq!(caller.retry_after, Some(retry_after), "{shown}");
            }
            (Err(Refusal::WrongSecret), Verdict::Unknown) => {}
            (Err(judged), Verdict::Refused(refusal)) => assert_eq!(judged, refusal, "{shown}"),
            _ => panic!("{shown}"),
        }
        let counted = engine.counted(&key).await;
        let passes = before.judge(&secret.hash(), &ask, now).is_ok();
        assert_eq!(counted, usize::from(passes), "{shown}");
        *(if passes { &mut through } else { &mut refused }) += 1;
    }
    assert!(through >= 50 && refused >= 500, "{through} let through, {refused} refused");
}
