/*
 * Who a user is. nj is linked statically, where the C library's own function would load its modules
 * (LDAP, systemd) into a program that has no loader, in just the version that it was linked with.
 * Asked for only where $HOME is not set; the linker puts this in the place of getpwuid_r (--wrap,
 * see CMakeLists.txt).
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>

int __wrap_getpwuid_r(uid_t user, struct passwd *entry, char *room, size_t size,
                      struct passwd **ret);

/* As getpwuid_r: 0 and *ret NULL where there is no such user. */
int __wrap_getpwuid_r(uid_t user, struct passwd *entry, char *room, size_t size,
                      struct passwd **ret)
{
    char command[64];
    FILE *answer;
    int code;

    *ret = NULL;
    (void)snprintf(command, sizeof(command), "getent passwd %u", user);
    answer = popen(command, "re");
    if (!answer)
        return errno;
    code = fgetpwent_r(answer, entry, room, size, ret);
    (void)pclose(answer);
    return code == ENOENT ? 0 : code;
}
