/* SPDX-License-Identifier: MIT
 *
 * explain_internal.h - the catalogue: every sentence and label, in every language.
 */
#ifndef HIKYAKU_EXPLAIN_INTERNAL_H
#define HIKYAKU_EXPLAIN_INTERNAL_H

#include <hikyaku/explain.h>

enum { EXPLAIN_LANGUAGES = HK_JAPANESE + 1 };

/* X(id, English, Japanese) */
#define EXPLAIN_LABEL_TABLE(X)                                                                          \
	X(SECTION_1, "Section 1: made from MAIL FROM", "セクション1 MAIL FROMから生成")                 \
	X(SECTION_2, "Section 2: trace information (RFC 5321 4.4), added by the servers",               \
	    "セクション2 RFC 5321 Trace Information の内容")                                            \
	X(SECTION_3, "Section 3: what was sent with DATA", "セクション3 DATAの内容")                    \
	X(NO_RETURN_PATH, "(not stored: MAIL FROM as it was given)", "(保存されていません: 渡された MAIL FROM)") \
	X(NOTHING, "(nothing)", "(なし)")                                                              \
	X(UNKNOWN, "(not known)", "(不明)")                                                             \
	X(NULL_SENDER, "<> (the null sender)", "<> (空の送信者)")                                       \
	X(SENDERS, "The two senders", "二つの送信者アドレス")                                           \
	X(ENVELOPE_FROM, "Envelope From (MAIL FROM)", "エンベロープFrom (MAIL FROM)")                   \
	X(HEADER_FROM, "Header From", "ヘッダーFrom")                                                   \
	X(RETURN_PATH, "Return-Path", "Return-Path")                                                    \
	X(SPF_RECORD, "SPF record", "SPFレコード")                                                      \
	X(SOURCE, "Source server (IP)", "送信元サーバ(IP)")                                             \
	X(DKIM_DOMAIN, "DKIM-Signature d=", "DKIM-Signature d=")                                        \
	X(DMARC_RECORD, "DMARC record", "DMARCレコード")                                                \
	X(SPF_ALIGNMENT, "SPF alignment", "SPFアライメント")                                            \
	X(DKIM_ALIGNMENT, "DKIM alignment", "DKIMアライメント")                                         \
	X(POLICY, "Policy asks for", "ポリシーの要求")                                                  \
	X(RESULT, "Result", "結果")                                                                     \
	X(ALIGNED, "aligned", "一致")                                                                   \
	X(NOT_ALIGNED, "no aligned pass", "一致したpassなし")                                           \
	X(STEPS, "step by step", "判定の手順")                                                          \
	X(MESSAGE, "Message", "メッセージ")                                                             \
	X(CUT, "(the list of steps was too long and was cut)", "(手順が長すぎるため途中で切りました)")  \
	X(SPF_MEANING,                                                                                  \
	    "SPF alignment shows that a server registered for the domain sent the content, not who uses that server.",  \
	    "SPFアライメントは、ドメインに登録された正規のサーバから送信されたことを示します(共用サーバの利用者までは区別しません)。") \
	X(DKIM_MEANING,                                                                                 \
	    "DKIM alignment shows that the sender holds the domain's private key, whatever server sent it; it says nothing once the key has leaked.", \
	    "DKIMアライメントは、送信元IPに関わらず、ドメインの秘密鍵を持つ者が送信したことを示します(秘密鍵が漏れた場合は無力です)。")

enum explain_label {
#define X(id, en, ja) LABEL_##id,
	EXPLAIN_LABEL_TABLE(X)
#undef X
	LABELS
};

const char *explain_label(enum explain_label, enum hk_language);
/* explain_sentence(event, language): a template: {n} is text n; [n|...] stands only where text n is not empty. */
const char *explain_sentence(enum hk_trace_event, enum hk_language);
/* explain_word(text, language): a fixed word of a trace in that language; the text itself when it is none. */
struct hk_slice explain_word(struct hk_slice, enum hk_language);

#endif
