/* The message digests of OpenSSL (EVP), found at run time in the library that Python's hashlib has loaded.
 *
 * Nothing is linked, no header of OpenSSL is needed to build, and what hashes is what is kept up to date with Python.
 * The seven functions are the same in OpenSSL 1.1.1 and all of 3.
 */
#ifndef REVURB_EVP_H
#define REVURB_EVP_H

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

typedef struct evp_md_ctx_st evp_context;
typedef struct evp_md_st evp_algorithm;

typedef struct {
    evp_context *(*create)(void);
    void (*release)(evp_context *);
    int (*start)(evp_context *, const evp_algorithm *, void *engine);
    int (*copy)(evp_context *to, const evp_context *from);
    int (*update)(evp_context *, const void *bytes, size_t count);
    int (*finish)(evp_context *, unsigned char *digest, unsigned int *size);
    const evp_algorithm *(*by_name)(const char *name);
} evp_functions;

/* Look the functions up in the shared library at `path` (NULL: in the program itself) and in what it depends on, which
 * must have been loaded already. Returns 1, or 0 if one of them is not there. */
static inline int evp_find(evp_functions *evp, const char *path)
{
    const struct {
        const char *name;
        void *to;
    } wanted[] = {{"EVP_MD_CTX_new", &evp->create},       {"EVP_MD_CTX_free", &evp->release},
                  {"EVP_DigestInit_ex", &evp->start},     {"EVP_MD_CTX_copy_ex", &evp->copy},
                  {"EVP_DigestUpdate", &evp->update},     {"EVP_DigestFinal_ex", &evp->finish},
                  {"EVP_get_digestbyname", &evp->by_name}};
    void *library = dlopen(path, path == NULL ? RTLD_LAZY : RTLD_LAZY | RTLD_NOLOAD);
    size_t i;

    for (i = 0; library != NULL && i < sizeof wanted / sizeof *wanted; i++) {
        void *found = dlsym(library, wanted[i].name);

        if (found == NULL)
            return 0;
        memcpy(wanted[i].to, &found, sizeof found); /* ISO C has no cast from an object to a function */
    }
    return library != NULL;
}

#endif
