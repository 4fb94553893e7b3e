/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bulkhead's module interface: what a module exports, what it registers for,
 * and the callbacks that the server makes. The interfaces are those of native
 * IIS modules in C's habits; names in brackets are the IIS ones.
 *
 * A module is a shared object that uses BH_MODULE() once and defines
 * bh_register_module(). It sees only these headers and libc.
 *
 * Threads: every callback runs on its worker's dispatch thread, one at a
 * time. Everything here is for that thread, inside a callback, unless a
 * function says otherwise.
 *
 * ABI history: 1 first.
 */
#ifndef BULKHEAD_MODULE_H
#define BULKHEAD_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BH_ABI_VERSION 1u
#define BH_ABI_MAGIC   0x42484d4fu /* "BHMO" */

#if defined(__GNUC__)
#define BH_EXPORT          __attribute__((visibility("default")))
#define BH_PRINTF(fmt, va) __attribute__((format(printf, fmt, va)))
#else
#define BH_EXPORT
#define BH_PRINTF(fmt, va)
#endif

struct bh_context;        /* one request going through the pipeline */
struct bh_request;        /* what the client sent */
struct bh_response;       /* what it will get */
struct bh_event_provider; /* the notification being delivered */
struct bh_completion_info;
struct bh_registration;
struct bh_server;

/* What a callback answers [REQUEST_NOTIFICATION_STATUS, same values]. */
enum bh_notification_status {
	BH_CONTINUE = 0,       /* the next module, then the next step */
	BH_PENDING = 1,        /* parked until a completion comes */
	BH_FINISH_REQUEST = 2, /* straight on to log and end */
};

/* Request notifications [RQ_*, same values], in pipeline order. */
#define BH_RQ_BEGIN_REQUEST               0x00000001u
#define BH_RQ_AUTHENTICATE_REQUEST        0x00000002u
#define BH_RQ_AUTHORIZE_REQUEST           0x00000004u
#define BH_RQ_RESOLVE_REQUEST_CACHE       0x00000008u
#define BH_RQ_MAP_REQUEST_HANDLER         0x00000010u
#define BH_RQ_ACQUIRE_REQUEST_STATE       0x00000020u
#define BH_RQ_PRE_EXECUTE_REQUEST_HANDLER 0x00000040u
#define BH_RQ_EXECUTE_REQUEST_HANDLER     0x00000080u
#define BH_RQ_RELEASE_REQUEST_STATE       0x00000100u
#define BH_RQ_UPDATE_REQUEST_CACHE        0x00000200u
#define BH_RQ_LOG_REQUEST                 0x00000400u
#define BH_RQ_END_REQUEST                 0x00000800u

/* Order among modules in one step [PRIORITY_ALIAS_*]; within one priority,
 * the order in which the modules were given to the server. */
enum bh_priority {
	BH_PRIORITY_FIRST,
	BH_PRIORITY_HIGH,
	BH_PRIORITY_MEDIUM, /* the default */
	BH_PRIORITY_LOW,
	BH_PRIORITY_LAST,
};

/* A notification's callback. `self` is what get_module made for this request,
 * or the module pointer given at registration. */
typedef enum bh_notification_status bh_notification_fn(
    void *self, struct bh_context *context, struct bh_event_provider *provider);

/*
 * The module's callbacks [IHttpModuleFactory, CHttpModule]. Use designated
 * initialisers; NULL is "not implemented", and registering a notification
 * whose callback is NULL is refused when the module is loaded.
 */
struct bh_module_ops {
	size_t size; /* sizeof(struct bh_module_ops) */

	/*
	 * [GetHttpModule] Before the module's first callback of a request:
	 * make its per-request state. 0, or -errno: the request is answered
	 * 500. Optional.
	 */
	int (*get_module)(
	    void *module, struct bh_context *context, void **ret_self);
	/* [Dispose] The request is over. Only after a get_module. Optional. */
	void (*dispose)(void *self);
	/* [Terminate] The worker ends; join your threads. Optional. */
	void (*terminate)(void *module);

	bh_notification_fn *on_begin_request;
	bh_notification_fn *on_post_begin_request;
	bh_notification_fn *on_authenticate_request;
	bh_notification_fn *on_post_authenticate_request;
	bh_notification_fn *on_authorize_request;
	bh_notification_fn *on_post_authorize_request;
	bh_notification_fn *on_resolve_request_cache;
	bh_notification_fn *on_post_resolve_request_cache;
	bh_notification_fn *on_map_request_handler;
	bh_notification_fn *on_post_map_request_handler;
	bh_notification_fn *on_acquire_request_state;
	bh_notification_fn *on_post_acquire_request_state;
	bh_notification_fn *on_pre_execute_request_handler;
	bh_notification_fn *on_post_pre_execute_request_handler;
	bh_notification_fn *on_execute_request_handler;
	bh_notification_fn *on_post_execute_request_handler;
	bh_notification_fn *on_release_request_state;
	bh_notification_fn *on_post_release_request_state;
	bh_notification_fn *on_update_request_cache;
	bh_notification_fn *on_post_update_request_cache;
	bh_notification_fn *on_log_request;
	bh_notification_fn *on_post_log_request;
	bh_notification_fn *on_end_request;
	bh_notification_fn *on_post_end_request;

	/*
	 * [OnAsyncCompletion] An operation that this module started, and for
	 * which it returned BH_PENDING, is complete. `notification` and
	 * `post_notification` name the step in which the request is parked,
	 * not the operation: see bh_completed_operation(). The answer is the
	 * parked step's: BH_PENDING waits for the next completion. Needed by
	 * every module that starts an asynchronous operation.
	 */
	enum bh_notification_status (*on_async_completion)(void *self,
	    struct bh_context *context, uint32_t notification,
	    bool post_notification, struct bh_event_provider *provider,
	    const struct bh_completion_info *info);
};

/*
 * bh_register_module(server_version, registration, server):
 * [RegisterModule] The module's entry point, called once in each worker after
 * it started. ${server_version} is the server's BH_ABI_VERSION. Read the
 * settings, register, start threads if there must be some. Returns 0, or
 * -errno: the server doesn't start, and bh_registration_error() says why.
 */
BH_EXPORT int bh_register_module(uint32_t server_version,
    struct bh_registration *registration, struct bh_server *server);

/* The stamp that tells the server what the module was built for. */
struct bh_module_abi {
	uint32_t magic;
	uint32_t version;
	size_t ops_size;
};
#define BH_MODULE()                                                \
	BH_EXPORT extern const struct bh_module_abi bh_module_abi; \
	const struct bh_module_abi bh_module_abi = { BH_ABI_MAGIC, \
		BH_ABI_VERSION, sizeof(struct bh_module_ops) }

/*
 * bh_registration_name(registration), bh_registration_id(registration):
 * [GetName, GetId] The name and number that this server knows the module by.
 * The name is valid until the module's terminate() has returned.
 */
const char *bh_registration_name(const struct bh_registration *registration);
uint32_t bh_registration_id(const struct bh_registration *registration);

/*
 * bh_registration_setting(registration, key):
 * The module's setting ${key}, or NULL. Valid as long as the name. A setting
 * that was given but that the module never asks for in bh_register_module()
 * is an error: the server names it and doesn't start.
 */
const char *bh_registration_setting(
    struct bh_registration *registration, const char *key);

/*
 * bh_registration_set_request_notifications(registration, ops, module,
 * notifications, post_notifications):
 * [SetRequestNotifications] Take part in these notifications (BH_RQ_* bits)
 * and post-notifications. ${ops} and ${module} are kept by reference.
 * Returns 0; -EALREADY the second time; -EINVAL for a bit that there isn't or
 * whose callback is NULL. A refusal is logged with what was wrong and fails
 * the registration.
 */
int bh_registration_set_request_notifications(
    struct bh_registration *registration, const struct bh_module_ops *ops,
    void *module, uint32_t notifications, uint32_t post_notifications);

/*
 * bh_registration_set_priority(registration, notifications, priority),
 * bh_registration_set_post_priority(...):
 * [SetPriorityForRequestNotification, ...PostRequestNotification] Returns 0
 * or -EINVAL.
 */
int bh_registration_set_priority(struct bh_registration *registration,
    uint32_t notifications, enum bh_priority priority);
int bh_registration_set_post_priority(struct bh_registration *registration,
    uint32_t notifications, enum bh_priority priority);

/*
 * bh_registration_set_path(registration, path):
 * This module takes part only in requests whose path is ${path} or below it
 * ("/a" means "/a" and "/a/b", not "/ab"). The server asks it nothing about
 * others, and when it is in quarantine only these miss it. ${path} is kept by
 * reference. Without this it takes part in every request. Returns 0, or
 * -EINVAL, which fails the registration.
 */
int bh_registration_set_path(
    struct bh_registration *registration, const char *path);

/*
 * bh_registration_error(registration, format, ...):
 * Say why bh_register_module() is about to fail, in one line for the
 * operator. The last one counts.
 */
void bh_registration_error(struct bh_registration *registration,
    const char *format, ...) BH_PRINTF(2, 3);

/*
 * bh_event_set_error_status(provider, status):
 * [SetErrorStatus] Record why this notification went wrong, 0 or -errno. It
 * doesn't change how the request goes on; it is logged with the module's name
 * when the answer is a 5xx.
 */
void bh_event_set_error_status(struct bh_event_provider *provider, int status);

#ifdef __cplusplus
}
#endif

#endif
