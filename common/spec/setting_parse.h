/* What the files of the settings module share: common/spec only. */
#ifndef NIGHTJAR_COMMON_SPEC_SETTING_PARSE_H
#define NIGHTJAR_COMMON_SPEC_SETTING_PARSE_H

#include "common/spec/setting.h"

#define SETTING_PATH_SIZE 128
#define SETTING_NUMBER_SIZE 40
#define SETTING_VALUE_SIZE 80

/* "path.name" or "name", and "path[index]", into a buffer of SETTING_PATH_SIZE; the buffer is
 * returned. */
const char *setting_path_member(char *buffer, const char *path, const char *name);
const char *setting_path_item(char *buffer, const char *path, size_t index);

/* The fewest digits that read back the same, into a buffer of SETTING_NUMBER_SIZE. */
const char *setting_format_number(double number, char *buffer);
/* "text ('abc')", "a list": what stands there instead, into a buffer of SETTING_VALUE_SIZE. */
const char *setting_format_value(const cJSON *value, char *buffer);

/* One value of one setting into its field. They complain at `path` and return false. */
bool setting_parse_list(const struct setting *setting, const cJSON *value, const char *path,
                        void *field, struct diagnostics *diagnostics);
bool setting_parse_kind(const struct setting *setting, const cJSON *value, const char *path,
                        struct kind_choice *choice, struct diagnostics *diagnostics);
bool setting_parse_kinds(const struct setting *setting, const cJSON *value, const char *path,
                         struct kind_choices *choices, struct diagnostics *diagnostics);
void setting_release_kind(struct kind_choice *choice);

bool setting_read_number(const cJSON *value, const char *path, double *ret_number,
                         struct diagnostics *diagnostics);
bool setting_read_integer(const struct setting *setting, const cJSON *value, const char *path,
                          int64_t *ret_integer, struct diagnostics *diagnostics);
bool setting_read_real(const struct setting *setting, const cJSON *value, const char *path,
                       double *ret_real, struct diagnostics *diagnostics);
/* Texts, and numbers as their digits: column names and arguments of commands look like that. */
bool setting_read_text(const cJSON *value, const char *path, char **ret_text,
                       struct diagnostics *diagnostics);

/* settings_parse for the object of a kind, whose "type" is no setting of its own. */
bool setting_parse_table(const struct setting *table, const cJSON *object, const char *path,
                         const struct kind *kind, void *config, struct diagnostics *diagnostics);

/* Complains that memory ran out; returns false. */
bool setting_no_memory(struct diagnostics *diagnostics);

#endif
