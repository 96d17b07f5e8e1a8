/* SPDX-License-Identifier: MIT */
#include "explain_internal.h"

static const char *const labels[LABELS][EXPLAIN_LANGUAGES] = {
#define X(id, en, ja) {en, ja},
    EXPLAIN_LABEL_TABLE(X)
#undef X
};

/* clang-format off: one sentence a row */
/* One row for each event of trace.h; a test holds it to that. */
static const char *const sentences[HK_TRACE_EVENTS][EXPLAIN_LANGUAGES] = {
    [HK_TRACE_MSG_FROM] = {"The author domain is {0}, the only domain in From: {1}",
        "作成者ドメインは {0} です(ヘッダーFrom: {1})"},
    [HK_TRACE_MSG_NO_FROM] = {"There is no author domain: {0}[1| - {1}]",
        "作成者ドメインを決められません: {0}[1| - {1}]"},
    [HK_TRACE_MSG_DNS_LIMIT] = {"{0} DNS questions were needed by one method, but its share of a "
                                "message is {1}; the others got no answer",
        "一つの認証方式にDNSの問い合わせが {0} 件必要でしたが、1通につき {1} "
        "件までです。残りは応答なしとして扱いました"},
    [HK_TRACE_DNS_QUESTION] = {"DNS question {1} {0}: {2}[3| - {3}]",
        "DNS問い合わせ {1} {0}: {2}[3| - {3}]"},
    [HK_TRACE_SPF_IDENTITY] =
        {"The identity checked is {0}, domain {1}; the client's address is {2}",
            "検査する識別子は {0}、ドメインは {1}、送信元IPは {2} です"},
    [HK_TRACE_SPF_RECORD] = {"{0} publishes this SPF record: {1}", "{0} のSPFレコード: {1}"},
    [HK_TRACE_SPF_NO_RECORD] = {"{0} has no SPF record that can be used: {1} found",
        "{0} には使えるSPFレコードがありません(見つかった数: {1})"},
    [HK_TRACE_SPF_TERM] = {"The term {1} of {0}: {2}[3| (lookups/voids so far: {3})]",
        "{0} の項 {1}: {2}[3|(DNS参照/空応答の累計: {3})]"},
    [HK_TRACE_SPF_ENTER] = {"{0}: now the record of {1} is evaluated",
        "{0}: {1} のレコードを評価します"},
    [HK_TRACE_SPF_LEAVE] = {"Back from {0} of {1}, which gave {2}",
        "{0}({1})の評価を終えました。結果は {2} です"},
    [HK_TRACE_SPF_LIMIT] = {"A limit was passed: {0}, at most {1}[2|, at {2}]",
        "上限を超えました: {0} は {1} まで[2|(項 {2})]"},
    [HK_TRACE_SPF_SYNTAX] = {"{0} cannot be read: {1}", "{0} は構文に合いません: {1}"},
    [HK_TRACE_SPF_RESULT] = {"SPF is {0}[1|: {1}]", "SPFの結果は {0} です[1|: {1}]"},
    [HK_TRACE_DKIM_SIGNATURE] =
        {"A signature by {0}, selector {1}, algorithm {2}, canonicalization {3}",
            "{0} による署名(セレクタ {1}、アルゴリズム {2}、正規化 {3})"},
    [HK_TRACE_DKIM_BAD_SIGNATURE] = {"A signature[1| by {1}] cannot be evaluated: {0}",
        "[1|{1} による]署名を評価できません: {0}"},
    [HK_TRACE_DKIM_SKIPPED] = {"The signature by {0} was not evaluated: {1}",
        "{0} による署名は評価しませんでした: {1}"},
    [HK_TRACE_DKIM_KEY] = {"The key at {0}, {2} with {3} bits: {1}",
        "{0} の公開鍵({2}、{3} ビット): {1}"},
    [HK_TRACE_DKIM_BAD_KEY] = {"The key at {0} cannot be used: {1}[2|: DER says {2} octets, got {3}]",
        "{0} の公開鍵は使えません: {1}[2|(DERの長さは {2}、実際は {3} オクテット)]"},
    [HK_TRACE_DKIM_HEADERS] = {"The fields signed are {0}; {1} of them are there",
        "署名されたヘッダー: {0}(存在するもの: {1})"},
    [HK_TRACE_DKIM_BODY_HASH] = {"The hash of the body is {0}, bh= says {1}: {2}",
        "本文のハッシュは {0}、bh= は {1}: {2}"},
    [HK_TRACE_DKIM_CHECK] =
        {"The signature of {0} over the header fields, checked with the public key: {1}",
            "{0} のヘッダー署名を公開鍵で検証: {1}"},
    [HK_TRACE_DKIM_UNCOVERED] =
        {"There is a {0} that the signature of {1} does not cover; readers may show that one",
            "{1} の署名の対象外の {0} があります。受信者に表示されるのはそちらかもしれません"},
    [HK_TRACE_DKIM_RESULT] = {"DKIM is {0}[1| for {1}][2|, selector {2}][3|: {3}]",
        "[1|{1}][2|(セレクタ {2})の]DKIMの結果は {0} です[3|: {3}]"},
    [HK_TRACE_SIGN_KEY] = {"It was signed for {0} with the key {1} ({2}): {3}",
        "{0} の鍵 {1}({2})で署名しました: {3}"},
    [HK_TRACE_SIGN_FALLBACK] =
        {"The first key of {0}, {1}, did not sign but {2} instead: {3}",
            "{0} の第一の鍵 {1} の代わりに {2} で署名しました: {3}"},
    [HK_TRACE_SIGN_LEFT_OUT] = {"The key {1} of {0} ({2}) did not sign: {3}",
        "{0} の鍵 {1}({2})では署名しませんでした: {3}"},
    [HK_TRACE_DMARC_DOMAIN] = {"The policy is looked for at the author domain {0} and above it",
        "作成者ドメイン {0} とその上位でポリシーを探します"},
    [HK_TRACE_DMARC_RECORD] =
        {"{0} is a policy record[2|, the one that applies: that of the {2}] - {1}",
            "{0} はDMARCレコードです[2|(これを適用します: {2})] - {1}"},
    [HK_TRACE_DMARC_IGNORED] = {"{0} is left out: {2} - {1}", "{0} は無視します: {2} - {1}"},
    [HK_TRACE_DMARC_WALK] =
        {"The tree walk for {0} from {1} asked {3} names; the organizational domain is [2|{2}]",
            "{0} のツリーウォーク({1} から {3} 件): 組織ドメインは [2|{2}]"},
    [HK_TRACE_DMARC_RFC7489] =
        {"By the older RFC 7489 the policy is looked for at {0} and at its organizational domain only",
            "旧規則(RFC 7489)により、{0} とその組織ドメインだけでポリシーを探します"},
    [HK_TRACE_DMARC_SUFFIX] =
        {"For {0}, {1} ends with the public suffix [2|{2}]; the organizational domain is [3|{3}]",
            "{0}: {1} のパブリックサフィックスは [2|{2}]、組織ドメインは [3|{3}]"},
    [HK_TRACE_DMARC_SAMPLE] =
        {"pct={0}: the number drawn for this message is {1}, so the policy holds for it: {2}",
            "pct={0}: このメッセージの抽選番号は {1}。ポリシーの対象: {2}"},
    [HK_TRACE_DMARC_DIFFERS] =
        {"By {0} it would be otherwise: DMARC {1}, disposition {2}[3|, organizational domain {3}]",
            "{0} では異なります: DMARC {1}、処置の要求 {2}[3|、組織ドメイン {3}]"},
    [HK_TRACE_DMARC_NO_RECORD] = {"No policy record applies to {0}",
        "{0} に適用されるDMARCレコードはありません"},
    [HK_TRACE_DMARC_POLICY] =
        {"The policy is {0}, from the tag {1} of {2}[3|; t={3} asks for one level less]",
            "ポリシーは {0} です({2} の {1})[3|。t={3} のため一段階弱めます]"},
    [HK_TRACE_DMARC_ALIGN] = {"{0} identifier {1}, {2} alignment: {3}",
        "{0} の識別子 {1}、アライメント {2}: {3}"},
    [HK_TRACE_DMARC_RESULT] =
        {"DMARC is {0}[1|, policy {1}], so the policy asks for: {2}[3| ({3})]",
            "DMARCの結果は {0} です[1|。ポリシー {1}]。処置の要求: {2}[3|({3})]"},
    [HK_TRACE_ARC_CHAIN] = {"Sets in the chain of ARC (historic): {0}[1|, but: {1}]",
        "ARC(歴史的仕様)のセット数は {0} です[1|。問題: {1}]"},
    [HK_TRACE_ARC_KEY] = {"The key at {0}[2| cannot be used: {2}][1| - {1}]",
        "{0} の公開鍵[2|は使えません: {2}][1| - {1}]"},
    [HK_TRACE_ARC_MESSAGE] = {"The message signature {0} of {1}, selector {2}: {3}",
        "{1}(セレクタ {2})のARCメッセージ署名 {0}: {3}"},
    [HK_TRACE_ARC_SEAL] = {"The seal {0} of {1}, which says cv={2}: {3}",
        "{1} のARCシール {0}(cv={2}): {3}"},
    [HK_TRACE_ARC_RESULT] = {"ARC is {0} (sets: {1})[2|: {2}]",
        "ARCの結果は {0} です(セット数 {1})[2|: {2}]"},
    [HK_TRACE_ARC_OVERRIDE] = {"DMARC stays fail, but not {0}: override reason {1} - {2}",
        "DMARCはfailのままですが、{0} はしません。上書きの理由: {1} - {2}"},
    [HK_TRACE_ARC_NO_OVERRIDE] = {"The chain does not change what the policy asks for, {0}: {1}",
        "ARCはポリシーの要求 {0} を変えません: {1}"},
};
/* clang-format on */

/* Words that evaluators write in a trace. Names of results (pass, fail, relaxed ...) stay as in the
 * RFCs. */
static const struct {
	const char *en, *ja;
} words[] = {
    {"match", "一致"},
    {"not looked up yet", "レコードは未確認です"},
    {"published", "レコードは公開されています"},
    {"no record is published", "レコードが公開されていません"},
    {"the record says that it is revoked", "レコードは失効を示しています"},
    {"the record does not fit the key", "公開されたレコードは鍵と一致しません"},
    {"no match", "不一致"},
    {"mismatch", "不一致"},
    {"error", "エラー"},
    {"aligned", "一致"},
    {"not aligned", "不一致"},
    {"aligned, but the check ended in a temporary error",
        "一致しますが、検査は一時的なエラーで終わりました"},
    {"not known: a DNS answer is missing", "不明(DNSの応答がありません)"},
    {"author", "作成者ドメイン"},
    {"author domain", "作成者ドメイン"},
    {"organizational domain", "組織ドメイン"},
    {"public suffix domain", "パブリックサフィックスドメイン"},
    {"none assumed", "noneとみなす"},
    {"it does not begin with v=DMARC1", "v=DMARC1 で始まりません"},
    {"several records stand at one name", "一つの名前に複数のレコードがあります"},
    {"sp or np is invalid and no rua can be used",
        "sp または np が不正で、使える rua もありません"},
    {"p is missing or invalid and no rua can be used", "p がないか不正で、使える rua もありません"},
    {"no policy record", "DMARCレコードがありません"},
    {"SPF is aligned", "SPFが一致"},
    {"DKIM is aligned", "DKIMが一致"},
    {"SPF and DKIM are aligned", "SPFとDKIMが一致"},
    {"there is no From field", "Fromフィールドがありません"},
    {"From cannot be read", "Fromを読めません"},
    {"there are several From fields", "Fromフィールドが複数あります"},
    {"From names several domains", "Fromに複数のドメインがあります"},
    {"From names no address", "Fromにアドレスがありません"},
    {"body hash mismatch", "本文のハッシュの不一致"},
    {"signature mismatch", "署名の不一致"},
    {"no client address", "送信元IPが不明"},
    {"MAIL FROM is not known", "MAIL FROMが不明"},
    {"not asked for", "検査対象外"},
    {"no chain", "ARCの連鎖がありません"},
    {"bad instance in i=", "i= の番号が不正"},
    {"a field of the set stands twice", "同じセットのヘッダーが二つあります"},
    {"a field of the set is missing", "セットのヘッダーが足りません"},
    {"wrong chain status in cv=", "cv= の値が不正"},
    {"key unavailable", "公開鍵を取得できません"},
    {"no key", "公開鍵がありません"},
    {"key revoked", "公開鍵は失効しています"},
    {"not each of its sealers is trusted", "信頼していない署名者がいます"},
    {"its first set does not say that DMARC passed for the author domain",
        "最初のセットに作成者ドメインのdmarc=passがありません"},
};

const char *explain_label(enum explain_label label, enum hk_language language)
{
	return labels[label][language];
}

const char *explain_sentence(enum hk_trace_event event, enum hk_language language)
{
	return event < HK_TRACE_EVENTS && sentences[event][language] ? sentences[event][language]
	                                                             : "";
}

struct hk_slice explain_word(struct hk_slice text, enum hk_language language)
{
	size_t i;

	if (language == HK_ENGLISH)
		return text;
	for (i = 0; i < sizeof words / sizeof words[0]; i++)
		if (hk_slice_eq(text, hk_slice_str(words[i].en)))
			return hk_slice_str(words[i].ja);
	return text;
}
