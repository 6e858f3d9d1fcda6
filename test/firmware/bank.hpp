// SPDX-License-Identifier: BSL-1.0
#ifndef VMEM_TEST_FIRMWARE_BANK_HPP
#define VMEM_TEST_FIRMWARE_BANK_HPP

#include <vmem/vptr.hpp>

#include "checks.hpp"

#include <cstdint>

/// What transactions are tried with: an array of which each transaction changes eight elements, and
/// a queue of blocks of which it makes one and frees one. All of it follows from how many
/// transactions there were.
template <class Heap>
class bank {
public:
    static constexpr std::uint32_t elements = 1024;
    static constexpr std::uint32_t kept = 12;

    struct entry {
        std::uint32_t number;
        vmem::vptr<entry, Heap> next;
        std::uint32_t padding[5];
    };
    struct head {
        std::uint32_t transactions;
        vmem::vptr<std::uint32_t, Heap> array;
        vmem::vptr<entry, Heap> first;
        vmem::vptr<entry, Heap> last;
    };

    explicit bank(Heap& heap) : heap_(heap) {}

    void create() {
        const auto array = heap_.template allocate<std::uint32_t>(elements);
        VERIFY(array);
        for (std::uint32_t i = 0; i < elements; ++i) {
            (*array)[i] = 0;
        }
        const auto made = heap_.template make<head>(head{0, *array, nullptr, nullptr});
        VERIFY(made);
        VERIFY(heap_.set_root("bank", *made));
        VERIFY(heap_.commit());
        head_ = *made;
    }
    void open() {
        const auto found = heap_.template root<head>("bank");
        VERIFY(found && *found != nullptr);
        head_ = *found;
    }
    [[nodiscard]] std::uint32_t transactions() { return head_->transactions; }

    /// Begins the next one, and leaves it to be committed.
    void change() {
        const std::uint32_t number = head_->transactions + 1;
        for (std::uint32_t step = 0; step < 8; ++step) {
            (head_->array)[element(number, step)] = number;
        }
        const auto made = heap_.template make<entry>(entry{number, nullptr, {}});
        VERIFY(made);
        if (number == 1) {
            head_->first = *made;
        } else {
            head_->last->next = *made;
        }
        head_->last = *made;
        if (number > kept) {
            const vmem::vptr<entry, Heap> oldest = head_->first;
            head_->first = oldest->next;
            VERIFY(heap_.destroy(oldest));
        }
        head_->transactions = number;
    }

    /// Whether all is as it is after that many transactions.
    void verify() {
        const std::uint32_t now = transactions();
        static std::uint32_t expected[elements];
        for (std::uint32_t& each : expected) {
            each = 0;
        }
        for (std::uint32_t number = 1; number <= now; ++number) {
            for (std::uint32_t step = 0; step < 8; ++step) {
                expected[element(number, step)] = number;
            }
        }
        for (std::uint32_t i = 0; i < elements; ++i) {
            VERIFY((head_->array)[i] == expected[i]);
        }
        vmem::vptr<entry, Heap> at = head_->first;
        for (std::uint32_t number = now > kept ? now - kept + 1 : 1; number <= now; ++number) {
            VERIFY(at != nullptr && at->number == number);
            at = at->next;
        }
        VERIFY(at == nullptr);
        VERIFY(*heap_.invariants_hold());
    }

private:
    [[nodiscard]] static std::uint32_t element(std::uint32_t number, std::uint32_t step) {
        std::uint32_t mixed = (number * 8 + step) * 2'654'435'761u;
        mixed ^= mixed >> 15;
        return mixed % elements;
    }

    Heap& heap_;
    vmem::vptr<head, Heap> head_ = nullptr;
};

#endif
