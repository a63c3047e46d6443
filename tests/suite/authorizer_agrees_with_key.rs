//! The condition of the counting write and the evaluation of a key agree, also in the millisecond in which a time ends.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use shared::domain::access::{AccessRequest, Denial, RequestedTarget};
use shared::domain::channel::{ChannelId, Channels, Slug};
use shared::domain::key::{Key, Status};
use shared::domain::limits::Limits;
use shared::domain::permission::{Permission, Permissions};
use shared::domain::scope::Scope;
use shared::domain::secret::Secret;
use shared::domain::time::Timestamp;
use shared::store::{Store, Verdict};
use tests::embedded_dynamodb::{EmbeddedDynamoDb, KEYS, tag_key};

/// The secret that a request presents.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Presents {
    Current,
    /// The previous secret, which expires this many milliseconds from now.
    Previous(i64),
    Wrong,
}

fn slug(text: &str) -> Slug {
    Slug::try_from(text.to_owned()).expect("a slug")
}

fn number(n: i64) -> AttributeValue {
    AttributeValue::N(n.to_string())
}

/// The usage of a key in this minute and its limit.
const USES: [Option<(i64, u32)>; 4] = [None, Some((2, 3)), Some((3, 3)), Some((4, 3))];

struct Case {
    status: Status,
    ends_in: Option<i64>,
    scope: Scope,
    permission: Permission,
    target: RequestedTarget,
    presents: Presents,
    uses: Option<(i64, u32)>,
}

fn cases() -> Vec<Case> {
    let none = Channels::new();
    let ops = Channels::from([(slug("ops"), ChannelId::from_stored("1".to_owned()))]);
    let scopes = [Scope::All, Scope::Channels(ops), Scope::Channels(none)];
    let asked = [
        (Permission::SendPush, RequestedTarget::InBody),
        (Permission::SendPush, RequestedTarget::Channel(slug("ops"))),
        (Permission::SendPush, RequestedTarget::Channel(slug("news"))),
        (Permission::SendPush, RequestedTarget::None),
        (Permission::WriteSubscriptions, RequestedTarget::None),
    ];
    let mut cases = Vec::new();
    for presents in
        [Presents::Current, Presents::Previous(-1), Presents::Previous(0), Presents::Previous(1), Presents::Wrong]
    {
        for ends_in in [None, Some(-1), Some(0), Some(1)] {
            for uses in USES {
                for scope in &scopes {
                    for (permission, target) in asked.clone() {
                        let status = if cases.len() % 7 == 0 { Status::Inactive } else { Status::Active };
                        cases.push(Case { status, ends_in, scope: scope.clone(), permission, target, presents, uses });
                    }
                }
            }
        }
    }
    cases
}

/// Creates the key of this case; returns it with the secret that the request presents.
async fn key(database: &EmbeddedDynamoDb, admin: &Store, case: &Case, now: Timestamp) -> (Key, Secret) {
    let (key, current) = database
        .add_key(admin, |key| {
            key.status = case.status;
            key.permissions = Permissions::from([Permission::SendPush]);
            key.scope = Scope::All;
            key.expires_at = case.ends_in.map(|millis| Timestamp::from_millis(now.millis() + millis));
            key.limits = Limits { per_minute: case.uses.map(|(_, limit)| limit), per_day: None };
        })
        .await;
    let another = Secret::generate(&key.account, &key.id, &tag_key());
    let mut past = HashMap::new();
    if let Scope::Channels(channels) = &case.scope {
        // The store rejects channels that do not exist, so they are written to the item.
        let channels = channels.iter().map(|(slug, id)| (slug.to_string(), AttributeValue::S(id.as_str().to_owned())));
        past.insert("scope".to_owned(), AttributeValue::S("channels".to_owned()));
        past.insert("channels".to_owned(), AttributeValue::M(channels.collect()));
    }
    if let Presents::Previous(ends_in) = case.presents {
        past.insert("old_hash".to_owned(), AttributeValue::B(Blob::new(another.hash().as_bytes())));
        past.insert("old_hint".to_owned(), AttributeValue::S("ab12".to_owned()));
        past.insert("old_until".to_owned(), number(now.millis() + ends_in));
    }
    if let Some((uses, _)) = case.uses {
        past.insert(format!("m{}", now.minute()), number(uses));
    }
    let item = database.item(&key).await.into_iter().chain(past).collect();
    database.client().put_item().table_name(KEYS).set_item(Some(item)).send().await.expect("a response");
    (key, if case.presents == Presents::Current { current } else { another })
}

#[tokio::test]
async fn the_write_is_applied_exactly_when_the_evaluation_allows() {
    let database = EmbeddedDynamoDb::start().await;
    let store = EmbeddedDynamoDb::store(database.url()).await;
    let (mut allowed, mut denied) = (0, 0);

    for case in cases() {
        let now = Timestamp::now();
        let (key, secret) = key(&database, &store, &case, now).await;
        let request = AccessRequest { permission: case.permission, target: case.target.clone() };
        let before = store.key(&key.account, &key.id).await.expect("a response").expect("the key");
        let evaluated = before.authorize(&secret.hash(), &request, now);

        let verdict = store.authorize(&secret, &request, now).await.expect("the write and the evaluation agree");

        let case_text = format!(
            "{:?} {:?} {:?} {:?} {request:?} {:?}: {evaluated:?}, {verdict:?}",
            case.presents, case.status, case.ends_in, case.uses, case.scope
        );
        match (evaluated, verdict) {
            (Ok(_), Verdict::Allowed(caller)) => assert!(caller.retry_after.is_none(), "{case_text}"),
            (Err(Denial::RateLimited { retry_after }), Verdict::Allowed(caller)) => {
                assert_eq!(caller.retry_after, Some(retry_after), "{case_text}");
            }
            (Err(Denial::WrongSecret), Verdict::Unknown) => {}
            (Err(evaluated), Verdict::Denied(denial)) => assert_eq!(evaluated, denial, "{case_text}"),
            _ => panic!("{case_text}"),
        }
        let counted = database.counted(&key).await;
        let is_allowed = before.authorize(&secret.hash(), &request, now).is_ok();
        assert_eq!(counted, usize::from(is_allowed), "{case_text}");
        *(if is_allowed { &mut allowed } else { &mut denied }) += 1;
    }
    assert!(allowed >= 50 && denied >= 500, "{allowed} allowed, {denied} denied");
}
