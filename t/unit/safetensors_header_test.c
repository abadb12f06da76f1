/* The headers of safetensors files: good ones, and a table of hostile ones with what is said of
   them. */
#include <stdio.h>
#include <string.h>

#include "lib/files.h"
#include "lib/harness.h"
#include "lib/safetensors_bytes.h"
#include "tensor/safetensors.h"

#define HEADER(text) text, sizeof(text) - 1
/* One entry: its shape and data_offsets are what stands between the brackets. */
#define T(name, dtype, shape, offsets)                                                             \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" offsets "]}"

typedef struct header_row {
    const char *header;
    size_t header_bytes, data_bytes;
    const char *text; /* part of the error text; NULL: the file is good */
} header_row;

static const header_row rows[] = {
    /* good */
    {HEADER("{}"), 0, NULL},
    {HEADER("{ }  "), 0, NULL},
    {HEADER("{\"__metadata__\":{}}"), 0, NULL},
    {HEADER("{\"__metadata__\":{\"format\":\"pt\",\"-[{\":\"\\\"\\\\,}\"}}"), 0, NULL},
    {HEADER("{" T("a", "F32", "2,3", "0,24") "}"), 24, NULL},
    {HEADER("{" T("a", "F32", "2,3", "0,24") "}      "), 24, NULL},
    {HEADER("{\n\t" T("a", "F32", " 2 ,\r3", "0,24") " \n}"), 24, NULL},
    {HEADER("{" T("a", "I64", "", "0,8") "}"), 8, NULL},
    {HEADER("{" T("a", "F32", "0", "0,0") "}"), 0, NULL},
    {HEADER("{" T("a", "F32", "3,0,2", "4,4") "," T("b", "F32", "1", "0,4") "}"), 4, NULL},
    {HEADER("{" T("a", "F32", "1", "4,8") "," T("b", "I32", "1", "0,4") "}"), 8, NULL},
    {HEADER("{" T("", "F32", "1", "0,4") "}"), 4, NULL},
    {HEADER("{" T("\\u00e9\\n\\\"", "F32", "1", "0,4") "," T("\xc3\xa8", "F32", "", "4,8") "}"), 8,
     NULL},
    {HEADER("{" T("a", "F32", "1,1,1,1,1,2", "0,8") "}"), 8, NULL},
    {HEADER("{" T("a", "F4", "3,2", "0,3") "," T("b", "F6_E2M3", "4", "3,6") "}"), 6, NULL},
    {HEADER("{\"a\":{\"data_offsets\":[0,4],\"shape\":[],\"dtype\":\"F32\"}}"), 4, NULL},

    /* no JSON, or more than JSON */
    {HEADER(""), 0, "expected the header to begin with '{'"},
    {HEADER(" {}"), 0, "expected the header to begin with '{'"},
    {HEADER("[]"), 0, "expected the header to begin with '{'"},
    {HEADER("\xef\xbb\xbf{}"), 0, "expected the header to begin with '{'"},
    {HEADER("{"), 0, "not closed by '}'"},
    {HEADER("{]"), 0, "not closed by '}'"},
    {HEADER("{\""), 0, "not closed by '}'"},
    {HEADER("{\"\\"), 0, "not closed by '}'"},
    {HEADER("{" T("a", "F32", "1", "0,4")), 4, "not closed by '}'"},
    {HEADER("{}{}"), 0, "only spaces after the header's object, got byte 2"},
    {HEADER("{}\n"), 0, "only spaces after the header's object, got byte 2"},
    {HEADER("{}   x"), 0, "only spaces after the header's object, got byte 5"},
    {HEADER("{}\0"), 0, "NUL at its byte 2"},
    {HEADER("{" T("a\0b", "F32", "1", "0,4") "}"), 4, "NUL at its byte 3"},
    {HEADER("{" T("a", "F32", "\0001", "0,4") "}"), 4, "NUL at its byte 29"},
    {HEADER("{" T("a\\u0000b", "F32", "1", "0,4") "}"), 4, "no JSON at its byte"},
    {HEADER("{,}"), 0, "expected a key between bytes 0 and 1"},
    {HEADER("{" T("a", "F32", "1", "0,4") ",}"), 4, "expected a key between bytes"},
    {HEADER("{," T("a", "F32", "1", "0,4") "}"), 4, "expected a key between bytes 0 and 1"},
    {HEADER("{\"a\"}"), 0, "no JSON at its byte 4"},
    {HEADER("{'a':1}"), 0, "no JSON at its byte"},
    {HEADER("{\"a\":{\"dtype\":\"F32\" \"shape\":[]}}"), 0, "no JSON at its byte"},
    {HEADER("{\"a\":[}"), 0, "not closed by '}'"},
    {HEADER("{\"a\":{]}"), 0, "no JSON at its byte 6"},
    {HEADER("{\"a\xff\":1}"), 0, "no UTF-8 at its byte 3"},
    {HEADER("{\"\xc0\xaf\":1}"), 0, "no UTF-8 at its byte 2"},
    {HEADER("{\"\xed\xa0\x80\":1}"), 0, "no UTF-8 at its byte 2"},
    {HEADER("{\"\xe2\x82"), 0, "no UTF-8 at its byte 2"},
    {HEADER("{}\xff"), 0, "no UTF-8 at its byte 2"},
    {HEADER("{\"\\ud800\":1}"), 0, "no JSON at its byte"},
    {HEADER("{\"a\tb\":1}"), 0, "no JSON at its byte"},

    /* JSON of another form */
    {HEADER("{\"a\":1}"), 0, "tensor \"a\": expected an object of"},
    {HEADER("{\"a\":[]}"), 0, "tensor \"a\": expected an object of"},
    {HEADER("{\"a\":{}}"), 0, "tensor \"a\": expected an object of"},
    {HEADER("{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}"), 0, "tensor \"a\": expected an object of"},
    {HEADER("{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4],\"x\":0}}"), 4,
     "tensor \"a\": expected an object of"},
    {HEADER("{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"offsets\":[0,4]}}"), 4, "\"data_offsets\""},
    {HEADER("{\"a\":{\"dtype\":0,\"shape\":[],\"data_offsets\":[0,4]}}"), 4,
     "\"dtype\" to be a string"},
    {HEADER("{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}"), 4, "to be a list"},
    {HEADER("{\"a\":{\"dtype\":\"F32\",\"shape\":{},\"data_offsets\":[0,4]}}"), 4, "to be a list"},
    {HEADER("{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":{}}}"), 4, "to be two sizes"},
    {HEADER("{" T("a", "F32", "1.0", "0,4") "}"), 4, "to hold sizes only"},
    {HEADER("{" T("a", "F32", "1e0", "0,4") "}"), 4, "to hold sizes only"},
    {HEADER("{" T("a", "F32", "\"1\"", "0,4") "}"), 4, "to hold sizes only"},
    {HEADER("{" T("a", "F32", "true", "0,4") "}"), 4, "to hold sizes only"},
    {HEADER("{" T("a", "F32", "null", "0,4") "}"), 4, "to hold sizes only"},
    {HEADER("{" T("a", "F32", "-1", "0,4") "}"), 4, "negative number at byte 29"},
    {HEADER("{" T("a", "F32", "1", "-0,4") "}"), 4, "negative number at byte 48"},
    {HEADER("{" T("a", "F32", "01", "0,4") "}"), 4, "no JSON at its byte"},
    {HEADER("{" T("a", "F32", "9223372036854775808", "0,4") "}"), 4, "too big integer"},
    {HEADER("{" T("a", "F32", "1e999", "0,4") "}"), 4, "real number overflow"},
    {HEADER("{" T("a", "F32", "1", "0") "}"), 4, "to be two sizes"},
    {HEADER("{" T("a", "F32", "1", "0,4,4") "}"), 4, "to be two sizes"},
    {HEADER("{" T("a", "F32", "1", "0,4.0") "}"), 4, "to be two sizes"},
    {HEADER("{" T("a", "F32", "1,[1]", "0,4") "}"), 4, "nested deeper than the format"},
    {HEADER("{\"a\":{\"x\":[],\"y\":[],\"z\":[]}}"), 0, "nested deeper than the format"},
    {HEADER("{\"__metadata__\":[]}"), 0, "\"__metadata__\" to be an object of strings"},
    {HEADER("{\"__metadata__\":null}"), 0, "\"__metadata__\" to be an object of strings"},
    {HEADER("{\"__metadata__\":{\"a\":\"b\",\"c\":1}}"), 0, "to be an object of strings"},
    {HEADER("{\"__metadata__\":{\"a\":{}}}"), 0, "to be an object of strings"},
    {HEADER("{" T("__metadata__", "F32", "1", "0,4") "}"), 4, "to be an object of strings"},

    /* duplicates, also by another spelling */
    {HEADER("{" T("a", "F32", "1", "0,4") "," T("a", "F32", "1", "4,8") "}"), 8,
     "duplicate key \"a\""},
    {HEADER("{" T("a", "F32", "1", "0,4") "," T("\\u0061", "F32", "1", "4,8") "}"), 8,
     "duplicate key \"a\""},
    {HEADER("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}"), 4,
     "duplicate object key"},
    {HEADER("{\"__metadata__\":{},\"__metadata__\":{}}"), 0, "duplicate key \"__metadata__\""},
    {HEADER("{\"__metadata__\":{},\"\\u005f_metadata__\":{}}"), 0,
     "duplicate key \"__metadata__\""},
    {HEADER("{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}"), 0, "duplicate object key"},

    /* dtypes, shapes and offsets that disagree */
    {HEADER("{" T("a", "f32", "1", "0,4") "}"), 4, "\"f32\" is no dtype of the format"},
    {HEADER("{" T("a", "", "1", "0,4") "}"), 4, "\"\" is no dtype of the format"},
    {HEADER("{" T("a", "F32\\u001b[2J", "1", "0,4") "}"), 4, "\"F32?[2J\" is no dtype"},
    {HEADER("{" T("a", "F32", "2", "0,4") "}"), 4, "expected 8 bytes for 2 elements of F32"},
    {HEADER("{" T("a", "F32", "", "0,8") "}"), 8, "expected 4 bytes for 1 elements of F32"},
    {HEADER("{" T("a", "F32", "0", "0,4") "}"), 4, "expected 0 bytes for 0 elements of F32"},
    {HEADER("{" T("a", "F4", "3", "0,1") "}"), 1, "3 elements of 4 bits do not fill whole bytes"},
    {HEADER("{" T("a", "F32", "4294967296,4294967296", "0,0") "}"), 0, "\"shape\" overflows"},
    {HEADER("{" T("a", "F32", "4611686018427387904", "0,0") "}"), 0, "\"shape\" overflows"},
    {HEADER("{" T("a", "U8", "9223372036854775807,2", "0,0") "}"), 0, "\"shape\" overflows"},
    {HEADER("{" T("a", "F32", "0,4294967296,4294967296", "0,0") "}"), 0, "\"shape\" overflows"},
    {HEADER("{" T("a", "F32", "2,2,2,2,2,9223372036854775807", "0,0") "}"), 0,
     "\"shape\" overflows"},
    {HEADER("{" T("a", "F32", "1", "4,0") "}"), 4, "within the file's 4 bytes of data, got [4, 0]"},
    {HEADER("{" T("a", "F32", "1", "4,8") "}"), 4, "within the file's 4 bytes of data, got [4, 8]"},
    {HEADER("{" T("a", "F32", "1", "0,4") "}"), 3, "within the file's 3 bytes of data, got [0, 4]"},
    {HEADER("{" T("a", "F32", "1", "9223372036854775803,9223372036854775807") "}"), 4,
     "within the file's 4 bytes"},
    {HEADER("{}"), 1, "expected 0 bytes of data, the file has 1"},
    {HEADER("{" T("a", "F32", "1", "0,4") "}"), 5, "expected 4 bytes of data, the file has 5"},
    {HEADER("{" T("a", "F32", "1", "4,8") "}"), 8,
     "\"a\" leaves a hole: expected its data at 0, got 4"},
    {HEADER("{" T("a", "F32", "1", "8,12") "," T("b", "F32", "1", "0,4") "}"), 12,
     "\"a\" leaves a hole: expected its data at 4, got 8"},
    {HEADER("{" T("a", "F32", "1", "0,4") "," T("b", "F32", "1", "0,4") "}"), 4,
     "\"b\" overlaps another: expected its data at 4, got 0"},
    {HEADER("{" T("a", "F32", "2", "0,8") "," T("b", "F32", "1", "4,8") "}"), 8,
     "\"b\" overlaps another: expected its data at 8, got 4"},
    {HEADER("{" T("a", "F32", "2", "0,8") "," T("b", "F32", "0", "4,4") "}"), 8,
     "\"b\" overlaps another: expected its data at 8, got 4"},
};

static void check_text(const header_row *row, const char *path, const char *text)
{
    if (strncmp(text, path, strlen(path)) != 0 || text[strlen(path)] != ':')
        harness_fail("%s: the text does not begin with the path: %s", row->header, text);
    if (strstr(text, row->text) == NULL)
        harness_fail("%s: expected a text with: %s, got: %s", row->header, row->text, text);
    for (const char *c = text; *c != '\0'; ++c)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            harness_fail("%s: a control character in the text: %s", row->header, text);
}

static void check_row(const header_row *row, const char *path)
{
    bncl_error err = {"stale"};
    bncli_safetensors *file = NULL;
    safetensors_bytes_write(path, row->header, row->header_bytes, row->data_bytes);
    bncl_status status = bncli_safetensors_open(path, &file, &err);
    if (status != (row->text == NULL ? BNCL_OK : BNCL_ERROR_FORMAT))
        harness_fail("%s: got \"%s\": %s", row->header, bncl_status_string(status), err.text);
    if (row->text == NULL) {
        safetensors_bytes_check(file, 8 + row->header_bytes + row->data_bytes);
        bncli_safetensors_close(file);
        return;
    }
    if (file != NULL)
        harness_fail("%s: a failed call wrote *out", row->header);
    check_text(row, path, err.text);
    if (bncli_safetensors_open(path, &file, NULL) != status)
        harness_fail("%s: another status without an error text", row->header);
}

static void every_header_gets_its_status_and_text(void **state)
{
    (void)state;
    const char *path = files_path(files_folder(), "x.safetensors");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i)
        check_row(&rows[i], path);
    harness_note("%zu headers", sizeof rows / sizeof rows[0]);
}

/* Every dtype of the format with its bytes for 8 elements. */
static void every_dtype_has_its_size(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        size_t bytes;
        bncl_dtype dtype;
    } words[] = {
        {"F4", 4, BNCL_DTYPE_COUNT},
        {"F6_E2M3", 6, BNCL_DTYPE_COUNT},
        {"F6_E3M2", 6, BNCL_DTYPE_COUNT},
        {"BOOL", 8, BNCL_DTYPE_COUNT},
        {"U8", 8, BNCL_U8},
        {"I8", 8, BNCL_DTYPE_COUNT},
        {"F8_E5M2", 8, BNCL_DTYPE_COUNT},
        {"F8_E5M2FNUZ", 8, BNCL_DTYPE_COUNT},
        {"F8_E4M3", 8, BNCL_DTYPE_COUNT},
        {"F8_E4M3FNUZ", 8, BNCL_DTYPE_COUNT},
        {"F8_E8M0", 8, BNCL_DTYPE_COUNT},
        {"I16", 16, BNCL_DTYPE_COUNT},
        {"U16", 16, BNCL_DTYPE_COUNT},
        {"F16", 16, BNCL_F16},
        {"BF16", 16, BNCL_BF16},
        {"I32", 32, BNCL_I32},
        {"U32", 32, BNCL_DTYPE_COUNT},
        {"F32", 32, BNCL_F32},
        {"F64", 64, BNCL_F64},
        {"I64", 64, BNCL_I64},
        {"U64", 64, BNCL_DTYPE_COUNT},
        {"C64", 64, BNCL_DTYPE_COUNT},
    };
    const char *path = files_path(files_folder(), "x.safetensors");
    for (size_t i = 0; i < sizeof words / sizeof words[0]; ++i)
        for (size_t bytes = words[i].bytes - 1; bytes <= words[i].bytes + 1; ++bytes) {
            bncl_error err = {""};
            bncli_safetensors *file = NULL;
            const char *header =
                harness_text("{\"a\":{\"dtype\":\"%s\",\"shape\":[4,2],\"data_offsets\":[0,%zu]}}",
                             words[i].word, bytes);
            safetensors_bytes_write(path, header, strlen(header), bytes);
            bncl_status status = bncli_safetensors_open(path, &file, &err);
            if (status != (bytes == words[i].bytes ? BNCL_OK : BNCL_ERROR_FORMAT))
                harness_fail("%s in %zu bytes: %s", words[i].word, bytes, err.text);
            if (status != BNCL_OK)
                continue;
            assert_int_equal(file->tensors[0].dtype, words[i].dtype);
            assert_string_equal(file->tensors[0].dtype_name, words[i].word);
            bncli_safetensors_close(file);
        }
}

static void tensors_come_in_the_order_of_their_data(void **state)
{
    (void)state;
    static const char header[] =
        "{" T("b", "F32", "2,1", "8,16") "," T("s", "I64", "", "0,8") "," T(
            "z", "F32", "2,0,3,4", "8,8") "," T("r", "I32", "1,1,1,1,1", "16,20") "}";
    bncli_safetensors *file = NULL;
    const char *path = files_path(files_folder(), "x.safetensors");
    safetensors_bytes_write(path, header, sizeof header - 1, 20);
    assert_int_equal(bncli_safetensors_open(path, &file, NULL), BNCL_OK);
    assert_int_equal(file->count, 4);
    const bncli_safetensor *t = file->tensors;
    assert_string_equal(t[0].name, "s");
    assert_int_equal(t[0].rank, 0);
    assert_int_equal(t[0].begin, 8 + sizeof header - 1);
    assert_string_equal(t[1].name, "z");
    assert_int_equal(t[1].rank, 4);
    assert_int_equal(t[1].dims[1], 0);
    assert_int_equal(t[1].dims[3], 4);
    assert_int_equal(t[1].bytes, 0);
    assert_string_equal(t[2].name, "b");
    assert_int_equal(t[2].rank, 2);
    assert_int_equal(t[2].dims[0], 2);
    assert_string_equal(t[3].name, "r");
    assert_int_equal(t[3].rank, -1);
    unsigned char bytes[8];
    assert_int_equal(bncli_safetensors_read(file, &t[2], bytes, NULL), BNCL_OK);
    for (int i = 0; i < 8; ++i)
        assert_int_equal(bytes[i], 8 + i);
    bncli_safetensors_close(file);
}

/* A header that nests a million levels deep, or is one long list, or has many tensors, must neither
   crash nor take for ever. */
static void large_headers_are_borne(void **state)
{
    (void)state;
    enum { count = 1000000 };
    bncl_error err = {""};
    bncli_safetensors *file = NULL;
    const char *path = files_path(files_folder(), "x.safetensors");
    char *header = harness_memory(count, 1);
    static const char *const openings[] = {"{\"a\":[", "{\"a\":{\"a\":[", "{\"a\":{\"shape\":[1,",
                                           "{,,", "{\"\\"};
    for (size_t i = 0; i < sizeof openings / sizeof openings[0]; ++i) {
        size_t length = strlen(openings[i]);
        memcpy(header, openings[i], length);
        for (size_t j = length; j < count; ++j) /* repeats the last two bytes */
            header[j] = header[j - 2];
        safetensors_bytes_write(path, header, count, 0);
        assert_int_equal(bncli_safetensors_open(path, &file, &err), BNCL_ERROR_FORMAT);
    }
    size_t length = 0, tensors = 0;
    header[length++] = '{';
    for (; length < count - 100; ++tensors)
        length += (size_t)sprintf(header + length, "%s" T("t%zu", "F32", "1", "%zu,%zu"),
                                  tensors > 0 ? "," : "", tensors, 4 * tensors, 4 * tensors + 4);
    header[length++] = '}';
    safetensors_bytes_write(path, header, length, 4 * tensors);
    assert_int_equal(bncli_safetensors_open(path, &file, &err), BNCL_OK);
    assert_int_equal(file->count, tensors);
    assert_string_equal(file->tensors[777].name, "t777");
    bncli_safetensors_close(file);
}

/* 16 MiB for one entry, spaces and all. */
static void an_entry_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    enum { limit = 16 << 20 };
    const char *path = files_path(files_folder(), "x.safetensors");
    char *header = harness_memory(limit + 100, 1);
    for (size_t extra = 0; extra < 2; ++extra) {
        bncl_error err = {""};
        bncli_safetensors *file = NULL;
        memset(header, ' ', limit + 100);
        memcpy(header, "{" T("a", "F32", "1", "0,4"), sizeof "{" T("a", "F32", "1", "0,4") - 1);
        header[limit + extra] = '}';
        safetensors_bytes_write(path, header, limit + 100, 4);
        bncl_status status = bncli_safetensors_open(path, &file, &err);
        assert_int_equal(status, extra == 0 ? BNCL_OK : BNCL_ERROR_FORMAT);
        if (extra != 0)
            assert_non_null(strstr(err.text, "at most 16777216 bytes, got 16777217"));
        bncli_safetensors_close(file);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        HARNESS_TEST(every_header_gets_its_status_and_text),
        HARNESS_TEST(every_dtype_has_its_size),
        HARNESS_TEST(tensors_come_in_the_order_of_their_data),
        HARNESS_TEST(large_headers_are_borne),
        HARNESS_TEST(an_entry_beyond_the_limit_is_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
