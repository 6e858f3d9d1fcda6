// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_PERSIST_TRANSACTION_HPP
#define VMEM_PERSIST_TRANSACTION_HPP

#include <vmem/result.hpp>

namespace vmem {

namespace detail {

template <class Heap>
concept has_commit = requires(Heap& heap) {
    heap.commit();
    heap.rollback();
};

} // namespace detail

/// Takes back what was done to a heap with a journal, unless it is told to commit: at the end of
/// its scope, whatever the reason for leaving it. Changes made before the guard and not committed
/// share its fate.
///
/// Guards may nest: an inner one joins the outer one, so that a function with a guard of its own
/// can be part of something larger. Its `commit` only says that it has no objection; if it ends
/// without, the outer one cannot commit any more.
template <class Heap>
class [[nodiscard]] transaction {
    static_assert(detail::has_commit<Heap>,
                  "transaction: needs a heap with durability<journaled<...>>");

public:
    explicit transaction(Heap& heap) noexcept : heap_(heap) { heap_.begin_nested(); }
    ~transaction() {
        if (!ended_) {
            end_without_commit();
        }
    }
    transaction(const transaction&) = delete;
    transaction& operator=(const transaction&) = delete;

    /// Ends the transaction, and commits it if it is the outermost one. Errors: those of the heap's
    /// `commit`, rolled_back among them if an inner one has ended without commit, or this one has
    /// ended already; then everything is taken back.
    [[nodiscard]] result<void> commit() {
        if (ended_) {
            return failure(errc::rolled_back);
        }
        ended_ = true;
        return heap_.end_nested() ? heap_.commit() : result<void>();
    }
    /// Ends it, and takes everything back if it is the outermost one. Errors: those of the heap's
    /// `rollback`, after which nothing can be written until a rollback succeeds.
    result<void> rollback() {
        if (ended_) {
            return {};
        }
        return end_without_commit();
    }

private:
    result<void> end_without_commit() {
        ended_ = true;
        if (heap_.end_nested()) {
            return heap_.rollback();
        }
        heap_.doom();
        return {};
    }

    Heap& heap_;
    bool ended_ = false;
};

} // namespace vmem

#endif
