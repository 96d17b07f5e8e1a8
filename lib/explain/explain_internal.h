/* SPDX-License-Identifier: MIT
 *
 * explain_internal.h - the catalogue: every sentence and label, in every language.
 */
#ifndef HIKYAKU_EXPLAIN_INTERNAL_H
#define HIKYAKU_EXPLAIN_INTERNAL_H

#include <hikyaku/explain.h>
#include <hikyaku/mime.h>

enum { EXPLAIN_LANGUAGES = HK_JAPANESE + 1 };

/* clang-format off: one label a row */
/* X(id, English, Japanese) */
#define EXPLAIN_LABEL_TABLE(X)                                                                                                            \
	X(SECTION_1, "Section 1: made from MAIL FROM", "セクション1 MAIL FROMから生成")                                                   \
	X(SECTION_2, "Section 2: trace information (RFC 5321 4.4), added by the servers",                                                 \
	    "セクション2 RFC 5321 Trace Information の内容")                                                                              \
	X(SECTION_3, "Section 3: what was sent with DATA", "セクション3 DATAの内容")                                                      \
	X(NO_RETURN_PATH, "(not stored: MAIL FROM as it was given)",                                                                      \
	    "(保存されていません: 渡された MAIL FROM)")                                                                                   \
	X(NOTHING, "(nothing)", "(なし)")                                                                                                 \
	X(UNKNOWN, "(not known)", "(不明)")                                                                                               \
	X(NULL_SENDER, "<> (the null sender)", "<> (空の送信者)")                                                                         \
	X(SENDERS, "The two senders", "二つの送信者アドレス")                                                                             \
	X(ENVELOPE_FROM, "Envelope From (MAIL FROM)", "エンベロープFrom (MAIL FROM)")                                                     \
	X(HEADER_FROM, "Header From", "ヘッダーFrom")                                                                                     \
	X(DISPLAYED, "as a mail program shows it", "メールソフトでの表示")                                                                \
	X(RETURN_PATH, "Return-Path", "Return-Path")                                                                                      \
	X(SPF_RECORD, "SPF record", "SPFレコード")                                                                                        \
	X(SOURCE, "Source server (IP)", "送信元サーバ(IP)")                                                                               \
	X(DKIM_DOMAIN, "DKIM-Signature d=", "DKIM-Signature d=")                                                                          \
	X(DMARC_RECORD, "DMARC record", "DMARCレコード")                                                                                  \
	X(SPF_ALIGNMENT, "SPF alignment", "SPFアライメント")                                                                              \
	X(DKIM_ALIGNMENT, "DKIM alignment", "DKIMアライメント")                                                                           \
	X(POLICY, "Policy asks for", "ポリシーの要求")                                                                                    \
	X(RESULT, "Result", "結果")                                                                                                       \
	X(ALIGNED, "aligned", "一致")                                                                                                     \
	X(NOT_ALIGNED, "no aligned pass", "一致したpassなし")                                                                             \
	X(STEPS, "step by step", "判定の手順")                                                                                            \
	X(MESSAGE, "Message", "メッセージ")                                                                                               \
	X(RECEIVER, "What a receiver does for DMARC (RFC 9989 5.3)",                                                                      \
	    "DMARCでの受信者の手順 (RFC 9989 5.3)")                                                                                       \
	X(DO_AUTHOR, "1 find the author domain", "1 作成者ドメインを取り出す")                                                            \
	X(DO_POLICY, "2 find its policy", "2 ポリシーを探す")                                                                             \
	X(DO_CHECK, "3 check SPF and DKIM", "3 SPFとDKIMを検査する")                                                                      \
	X(DO_ALIGN, "4 compare the domains", "4 アライメントを調べる")                                                                    \
	X(DO_JUDGE, "5 judge", "5 合否を判定する")                                                                                        \
	X(DO_APPLY, "6 apply the policy", "6 ポリシーを適用する")                                                                         \
	X(DO_KEEP, "7 keep the result", "7 結果を保存する")                                                                               \
	X(DO_REPORT, "8 send an aggregate report", "8 集計レポートを送る")                                                                \
	X(DO_FAILURE, "9 send a failure report", "9 失敗レポートを送る")                                                                  \
	X(NOT_ASKED, "(not asked for)", "(要求されていません)")                                                                           \
	X(ANSWERS, "DNS answers, to replay it", "件のDNS応答(再現用)")                                                                    \
	X(CUT, "(the list of steps was too long and was cut)",                                                                            \
	    "(手順が長すぎるため途中で切りました)")                                                                                       \
	X(OVERRIDE, "Override reason", "上書きの理由")                                                                                    \
	X(SEALED_BY, "Sealed by d=", "署名者 d=")                                                                                          \
	X(SEALERS_TRUSTED, "All sealers trusted", "全署名者の信頼")                                                                        \
	X(REFUSALS,                                                                                                                       \
	    "# Every 4xx and 5xx that hikyakud says\n\nEach ends with its id in brackets. `hikyaku explain ID`, or the whole reply in "    \
	    "its place, prints what stands here; `hikyaku explain --replies` made this page (`--lang ja`, `--json`).",                      \
	    "# hikyakudの4xx・5xx応答の一覧\n\n応答の末尾の角括弧内がIDです。`hikyaku explain ID`、または応答の全文で、"                \
	    "同じ説明が表示されます。この一覧は `hikyaku explain --replies` で作りました(`--lang ja`、`--json`)。")                         \
	X(REFUSAL_RULE, "Rule", "規則")                                                                                                   \
	X(REFUSAL_TRANSACTION, "Transaction", "処理のID")                                                                                 \
	X(REFUSAL_IN_LOG, "the lines of the server's log that have it as qid= tell of it", "サーバのログの qid= がこのIDの行に記録があります") \
	X(REFUSAL_SENDER, "What the sender can do", "送信者にできること")                                                                 \
	X(REFUSAL_OPERATOR, "What the operator can do", "管理者にできること")                                                             \
	X(YES, "yes", "はい")                                                                                                             \
	X(NO, "no", "いいえ")                                                                                                             \
	X(ARC_MEANING,                                                                                                                    \
	    "ARC (historic) tells what earlier servers say they found; it is worth as much as they are "                                  \
	    "trusted, and never makes DMARC pass.",                                                                                       \
	    "ARC(歴史的仕様)は経由したサーバの申告であり、そのサーバを信頼する程度にしか役立ちません。"     \
	    "DMARCの結果をpassに変えることはありません。")                                                                               \
	X(SPF_MEANING,                                                                                                                    \
	    "SPF alignment shows that a server registered for the domain sent the content, not "                                          \
	    "who uses that server.",                                                                                                      \
	    "SPFアライメントは、ドメインに登録された正規のサーバから送信されたことを示します("      \
	    "共用サーバの利用者までは区別しません)。")                                                                                    \
	X(DKIM_MEANING,                                                                                                                   \
	    "DKIM alignment shows that the sender holds the domain's private key, whatever "                                              \
	    "server sent it; it says nothing once the key has leaked.",                                                                   \
	    "DKIMアライメントは、送信元IPに関わらず、ドメインの秘密鍵を持つ者が送信したことを示し" \
	    "ます(秘密鍵が漏れた場合は無力です)。")
/* clang-format on */

enum explain_label {
#define X(id, en, ja) LABEL_##id,
	EXPLAIN_LABEL_TABLE(X)
#undef X
	    LABELS
};

const char *explain_label(enum explain_label, enum hk_language);
/* explain_sentence(event, language): a template: {n} is text n; [n|...] stands only where text n is
 * not empty. */
const char *explain_sentence(enum hk_trace_event, enum hk_language);
/* explain_word(text, language): a fixed word of a trace in that language; the text itself when it
 * is none. */
struct hk_slice explain_word(struct hk_slice, enum hk_language);

/* ---- the page, between explain_message.c, explain_table.c and explain_receiver.c
 * ------------------ */

enum { EXPLAIN_LINE_SHOWN = 1000, EXPLAIN_ROWS_MAX = 12 };
/* A replaced octet is three. */
enum { EXPLAIN_DISPLAYED_MAX = 3 * EXPLAIN_LINE_SHOWN };

struct explain_page {
	const struct hk_verify *v;
	const struct hk_verify_verdict *r;
	const struct hk_explain_options *o;
	struct hk_buf *out;
};

struct explain_row {
	enum explain_label name;
	struct hk_slice value,
	    record; /* of outside: quoted when printed; the record between quotes */
	struct hk_slice safe; /* UTF-8 that hk_words_add made: printed as it is */
	const char *prefix, *suffix;
};
struct explain_table {
	struct explain_row row[EXPLAIN_ROWS_MAX];
	size_t n;
};

const char *explain_page_label(const struct explain_page *, enum explain_label);
void explain_table_add(struct explain_table *, struct explain_row);
void explain_table_print(const struct explain_page *, const struct explain_table *);
void explain_senders(const struct explain_page *);
void explain_spf_table(const struct explain_page *);
void explain_dkim_table(
    const struct explain_page *, const struct hk_dkim_verdict *); /* NULL: unsigned */
void explain_dmarc_table(const struct explain_page *);
void explain_arc_table(const struct explain_page *);
/* explain_receiver(p): the nine things that a receiver does for DMARC (RFC 9989 5.3), with what
 * came of each here. */
void explain_receiver(const struct explain_page *);

#endif
