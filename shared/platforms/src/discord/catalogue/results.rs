//! The fields of results, which have the names that upstream gave them.

use crate::command::{Field, Shown};

const CHANNEL_NAMES: Shown = Shown::Named(&[
    (0, "Text"),
    (1, "Private"),
    (2, "Voice"),
    (3, "GroupDm"),
    (4, "Category"),
    (5, "News"),
    (10, "NewsThread"),
    (11, "PublicThread"),
    (12, "PrivateThread"),
    (13, "Stage"),
    (14, "Directory"),
    (15, "Forum"),
    (16, "Media"),
]);

pub(super) const GUILD: &[Field] = &[
    Field::new("id", "/id"),
    Field::new("guild_id", "/id"),
    Field::new("name", "/name"),
    Field::shown("member_count", "/approximate_member_count", Shown::Number),
    Field::shown("online_count", "/approximate_presence_count", Shown::Number),
    Field::shown("role_count", "/roles", Shown::Count),
    Field::shown("emoji_count", "/emojis", Shown::Count),
    Field::new("description", "/description"),
    Field::shown("icon_url", "/icon", Shown::Picture("icons")),
    Field::shown("banner_url", "/banner", Shown::Picture("banners")),
    Field::new("owner_id", "/owner_id"),
    Field::shown(
        "verification_level",
        "/verification_level",
        Shown::Named(&[(0, "None"), (1, "Low"), (2, "Medium"), (3, "High"), (4, "Higher")]),
    ),
    Field::shown(
        "premium_tier",
        "/premium_tier",
        Shown::Named(&[(0, "Tier0"), (1, "Tier1"), (2, "Tier2"), (3, "Tier3")]),
    ),
    Field::shown(
        "premium_subscription_count",
        "/premium_subscription_count",
        Shown::Number,
    ),
];

pub(crate) const CHANNEL: &[Field] = &[
    Field::new("id", "/id"),
    Field::new("name", "/name"),
    Field::shown("type", "/type", CHANNEL_NAMES),
    Field::new("position", "/position"),
    Field::new("topic", "/topic"),
    Field::shown("nsfw", "/nsfw", Shown::Flag),
    Field::new("parent_id", "/parent_id"),
];

pub(crate) const ONE_CHANNEL: &[Field] = &[
    Field::new("id", "/id"),
    Field::new("name", "/name"),
    Field::shown("type", "/type", CHANNEL_NAMES),
    Field::new("position", "/position"),
    Field::new("topic", "/topic"),
    Field::shown("nsfw", "/nsfw", Shown::Flag),
    Field::new("parent_id", "/parent_id"),
    Field::new("rate_limit_per_user", "/rate_limit_per_user"),
    Field::new("bitrate", "/bitrate"),
];

pub(crate) const NEW_CHANNEL: &[Field] = &[
    Field::new("id", "/id"),
    Field::new("name", "/name"),
    Field::shown("kind", "/type", CHANNEL_NAMES),
    Field::new("position", "/position"),
];

pub(super) const NEW_INVITE: &[Field] = &[
    Field::new("code", "/code"),
    Field::shown("url", "/code", Shown::Behind("https://discord.gg/")),
    Field::new("channel_id", "/channel/id"),
    Field::new("max_age", "/max_age"),
    Field::new("max_uses", "/max_uses"),
    Field::new("temporary", "/temporary"),
];

pub(super) const INVITE: &[Field] = &[
    Field::new("code", "/code"),
    Field::new("channel_id", "/channel/id"),
    Field::shown(
        "inviter",
        "/inviter",
        Shown::Object(&[Field::new("id", "/id"), Field::new("name", "/username")]),
    ),
    Field::new("uses", "/uses"),
    Field::new("max_uses", "/max_uses"),
    Field::new("max_age", "/max_age"),
    Field::new("temporary", "/temporary"),
    Field::new("created_at", "/created_at"),
];

pub(super) const NEW_THREAD: &[Field] = &[
    Field::new("id", "/id"),
    Field::new("thread_id", "/id"),
    Field::new("name", "/name"),
    Field::shown("type", "/type", CHANNEL_NAMES),
];

pub(crate) const THREAD: &[Field] = &[
    Field::new("id", "/id"),
    Field::new("name", "/name"),
    Field::shown("type", "/type", CHANNEL_NAMES),
    Field::new("parent_id", "/parent_id"),
];

pub(crate) const POST: &[Field] = &[
    Field::new("id", "/id"),
    Field::new("name", "/name"),
    Field::shown("message_count", "/message_count", Shown::Number),
    Field::new("parent_id", "/parent_id"),
];

pub(super) const MESSAGE: &[Field] = &[
    Field::new("id", "/id"),
    Field::new("content", "/content"),
    Field::shown(
        "author",
        "/author",
        Shown::Object(&[
            Field::new("id", "/id"),
            Field::new("name", "/username"),
            Field::new("discriminator", "/discriminator"),
            Field::shown("bot", "/bot", Shown::Flag),
        ]),
    ),
    Field::new("timestamp", "/timestamp"),
    Field::new("edited_timestamp", "/edited_timestamp"),
    Field::shown("tts", "/tts", Shown::Flag),
    Field::shown("mention_everyone", "/mention_everyone", Shown::Flag),
    Field::shown("mentions", "/mentions", Shown::Ids),
    Field::shown("attachments", "/attachments", Shown::Count),
    Field::shown("embeds", "/embeds", Shown::Count),
    Field::shown(
        "reactions",
        "/reactions",
        Shown::List(&[Field::new("emoji", "/emoji/name"), Field::new("count", "/count")]),
    ),
    Field::shown("pinned", "/pinned", Shown::Flag),
];

pub(super) const LISTED_MESSAGE: &[Field] = &[
    Field::new("id", "/id"),
    Field::new("content", "/content"),
    Field::shown(
        "author",
        "/author",
        Shown::Object(&[
            Field::new("id", "/id"),
            Field::new("name", "/username"),
            Field::shown("bot", "/bot", Shown::Flag),
        ]),
    ),
    Field::new("timestamp", "/timestamp"),
    Field::shown("attachments", "/attachments", Shown::Count),
    Field::shown("embeds", "/embeds", Shown::Count),
];

pub(crate) const SENT_MESSAGE: &[Field] = &[
    Field::new("id", "/id"),
    Field::new("channel_id", "/channel_id"),
    Field::new("content", "/content"),
    Field::new("timestamp", "/timestamp"),
    Field::shown("tts", "/tts", Shown::Flag),
];

pub(super) const EDITED_MESSAGE: &[Field] = &[
    Field::new("id", "/id"),
    Field::new("content", "/content"),
    Field::new("edited_timestamp", "/edited_timestamp"),
];

pub(super) const USER: &[Field] = &[
    Field::new("id", "/id"),
    Field::new("name", "/username"),
    Field::new("discriminator", "/discriminator"),
    Field::shown("bot", "/bot", Shown::Flag),
];

pub(super) const MEMBER: &[Field] = &[
    Field::new("user_id", "/user/id"),
    Field::new("username", "/user/username"),
    Field::new("discriminator", "/user/discriminator"),
    Field::new("nickname", "/nick"),
    Field::new("roles", "/roles"),
    Field::new("joined_at", "/joined_at"),
    Field::new("premium_since", "/premium_since"),
    Field::new("avatar", "/avatar"),
    Field::shown("pending", "/pending", Shown::Flag),
    Field::shown("deaf", "/deaf", Shown::Flag),
    Field::shown("mute", "/mute", Shown::Flag),
    Field::new("communication_disabled_until", "/communication_disabled_until"),
];

pub(super) const BAN: &[Field] = &[
    Field::new("user_id", "/user/id"),
    Field::new("username", "/user/username"),
    Field::new("reason", "/reason"),
];

pub(super) const ROLE: &[Field] = &[
    Field::new("id", "/id"),
    Field::new("name", "/name"),
    Field::shown("color", "/color", Shown::Number),
    Field::shown("hoist", "/hoist", Shown::Flag),
    Field::new("position", "/position"),
    Field::shown("permissions", "/permissions", Shown::Number),
    Field::shown("managed", "/managed", Shown::Flag),
    Field::shown("mentionable", "/mentionable", Shown::Flag),
    Field::new("icon", "/icon"),
    Field::new("unicode_emoji", "/unicode_emoji"),
];

pub(super) const EVENT: &[Field] = &[
    Field::new("id", "/id"),
    Field::new("event_id", "/id"),
    Field::new("name", "/name"),
    Field::new("description", "/description"),
    Field::new("start_time", "/scheduled_start_time"),
    Field::new("end_time", "/scheduled_end_time"),
    Field::shown(
        "status",
        "/status",
        Shown::Named(&[(1, "Scheduled"), (2, "Active"), (3, "Completed"), (4, "Canceled")]),
    ),
    Field::shown(
        "kind",
        "/entity_type",
        Shown::Named(&[(1, "StageInstance"), (2, "Voice"), (3, "External")]),
    ),
    Field::new("location", "/entity_metadata/location"),
    Field::new("user_count", "/user_count"),
];

pub(super) const EMOJI: &[Field] = &[
    Field::new("id", "/id"),
    Field::new("name", "/name"),
    Field::shown("animated", "/animated", Shown::Flag),
    Field::shown("managed", "/managed", Shown::Flag),
    Field::shown("require_colons", "/require_colons", Shown::Flag),
    Field::shown("available", "/available", Shown::Flag),
];

pub(super) const STICKER: &[Field] = &[
    Field::new("id", "/id"),
    Field::new("name", "/name"),
    Field::new("description", "/description"),
    Field::new("tags", "/tags"),
    Field::shown(
        "format_type",
        "/format_type",
        Shown::Named(&[(1, "Png"), (2, "Apng"), (3, "Lottie"), (4, "Gif")]),
    ),
    Field::shown("available", "/available", Shown::Flag),
];

pub(super) const WEBHOOK: &[Field] = &[
    Field::new("id", "/id"),
    Field::new("name", "/name"),
    Field::new("channel_id", "/channel_id"),
    Field::new("avatar", "/avatar"),
    Field::new("guild_id", "/guild_id"),
];

pub(super) const INTEGRATION: &[Field] = &[
    Field::new("id", "/id"),
    Field::new("name", "/name"),
    Field::new("type", "/type"),
    Field::shown("enabled", "/enabled", Shown::Flag),
    Field::shown("syncing", "/syncing", Shown::Flag),
    Field::shown(
        "account",
        "/account",
        Shown::Object(&[Field::new("id", "/id"), Field::new("name", "/name")]),
    ),
];

pub(super) const VOICE_REGION: &[Field] = &[
    Field::new("id", "/id"),
    Field::new("name", "/name"),
    Field::shown("optimal", "/optimal", Shown::Flag),
    Field::shown("deprecated", "/deprecated", Shown::Flag),
    Field::shown("custom", "/custom", Shown::Flag),
];
