// Measures Qt's queued calls, for the program that measures all others: it prints a value and a share of ticks.
//
//   queued_calls SCENARIO MESSAGES PIPES PINGS FLOOD_MILLISECONDS
//
// The scenarios are those of benches/src/scenarios, where they are described. A pipe is an object of the main
// thread, and a message is a call of a closure that is queued for it.

#include <QCoreApplication>
#include <QObject>
#include <QTimer>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <numeric>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr milliseconds PERIOD{16};
constexpr microseconds REST{200};
constexpr std::uint64_t WAITING = 100'000;
constexpr unsigned PATIENCE_IN_SECONDS = 120;

[[noreturn]] void fail(const std::string &why) {
    std::fprintf(stderr, "queued_calls: %s\n", why.c_str());
    std::exit(1);
}

void report(double value, double share = -1) {
    share < 0 ? std::printf("%f -\n", value) : std::printf("%f %f\n", value, share);
}

double nanoseconds(Clock::duration time) { return std::chrono::duration<double, std::nano>(time).count(); }

// What the calls change. Only the main thread touches it, but for the gate and the progress.
struct App {
    std::uint64_t messages = 0, sum = 0, expected = 0;
    Clock::time_point started, done;
    std::function<void()> at_first;
    std::atomic<bool> is_open{false};
    std::atomic<std::uint64_t> progress{0};

    void count(std::uint64_t number) {
        ++messages;
        sum += number;
        if (messages == 1) {
            is_open.store(true);
            is_open.notify_all();
            if (at_first) at_first();
            started = Clock::now();
        }
        if (messages == expected) {
            done = Clock::now();
            QCoreApplication::quit();
        }
    }

    void run(std::uint64_t messages_to_come) {
        expected = messages_to_come;
        QCoreApplication::exec();
    }

    // The time of a message from the first to the last.
    double time_of_each(std::uint64_t expected_sum, std::uint64_t count) const {
        if (messages != expected || sum != expected_sum) fail("messages were lost or doubled");
        return nanoseconds(done - started) / double(count);
    }
};

App app;

template <std::size_t WORDS> using Message = std::array<std::uint64_t, WORDS>;

// A pipe: it owns something, as callbacks do.
struct Pipe : QObject {
    std::uint64_t own = 0;

    template <std::size_t WORDS> void send(const Message<WORDS> &message) {
        auto call = [this, message] {
            ++own;
            app.count(message[0]);
        };
        QMetaObject::invokeMethod(this, call, Qt::QueuedConnection);
    }
};

template <std::size_t WORDS> Message<WORDS> message(std::uint64_t number) {
    Message<WORDS> message;
    message.fill(number);
    return message;
}

std::uint64_t sum_up_to(std::uint64_t n) { return n * (n + 1) / 2; }

template <std::size_t WORDS> void producers(std::uint64_t messages, unsigned count) {
    std::vector<Pipe> pipes(count);
    const auto each = messages / count;
    pipes[0].send(message<WORDS>(0));
    std::vector<std::thread> workers;
    for (auto &pipe : pipes) {
        workers.emplace_back([&pipe, each] {
            app.is_open.wait(false);
            for (std::uint64_t n = 1; n <= each; ++n) pipe.send(message<WORDS>(n));
        });
    }
    app.run(1 + each * count);
    for (auto &worker : workers) worker.join();
    report(app.time_of_each(count * sum_up_to(each), each * count));
}

// The system calls by which this thread has written something.
std::uint64_t writes() {
    std::ifstream counts("/proc/thread-self/io");
    std::string name;
    for (std::uint64_t count; counts >> name >> count;) {
        if (name == "syscw:") return count;
    }
    fail("the kernel does not count writes");
}

enum class Burst { Send, Drain, Wakes };

template <std::size_t WORDS> void burst(std::uint64_t messages, Burst what) {
    Pipe pipe;
    pipe.send(message<WORDS>(0));
    double sent = 0;
    std::uint64_t written = 0;
    std::thread worker([&] {
        app.is_open.wait(false);
        const auto before = writes();
        const auto start = Clock::now();
        for (std::uint64_t n = 1; n <= messages; ++n) pipe.send(message<WORDS>(n));
        sent = nanoseconds(Clock::now() - start) / double(messages);
        written = writes() - before;
    });
    app.at_first = [&worker] { worker.join(); };
    app.run(1 + messages);
    const auto drained = app.time_of_each(sum_up_to(messages), messages);
    switch (what) {
    case Burst::Send: return report(sent);
    case Burst::Drain: return report(drained);
    case Burst::Wakes: return report(double(written) / double(messages));
    }
}

void many_pipes(std::uint64_t count) {
    std::vector<Pipe> pipes(count);
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), 0);
    std::uint64_t random = 0x2545'F491'4F6C'DD1D; // Marsaglia's xorshift
    for (auto i = count - 1; i >= 1; --i) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::swap(order[i], order[random % (i + 1)]);
    }
    std::uint64_t number = 0;
    for (auto id : order) pipes[id].send(message<3>(++number));
    app.run(count);
    report(app.time_of_each(sum_up_to(count), count));
}

void idle(std::uint64_t pings, bool reports_the_wakes) {
    QObject target;
    std::vector<double> latencies;
    double wakes = 0;
    std::thread worker([&] {
        const auto before = writes();
        for (std::uint64_t n = 0; n < pings; ++n) {
            while (app.progress.load() < n) std::this_thread::sleep_for(REST / 8);
            std::this_thread::sleep_for(REST);
            const auto sent = Clock::now();
            auto call = [&latencies, sent] {
                latencies.push_back(nanoseconds(Clock::now() - sent));
                app.count(0);
                app.progress.store(app.messages);
            };
            QMetaObject::invokeMethod(&target, call, Qt::QueuedConnection);
        }
        wakes = double(writes() - before) / double(pings);
    });
    app.run(pings);
    worker.join();
    app.time_of_each(0, pings);
    std::sort(latencies.begin(), latencies.end());
    report(reports_the_wakes ? wakes : latencies[latencies.size() / 2]);
}

void flood(milliseconds time) {
    QObject target;
    std::vector<Clock::time_point> ticks;
    QTimer timer;
    timer.setTimerType(Qt::PreciseTimer);
    QObject::connect(&timer, &QTimer::timeout, [&ticks] { ticks.push_back(Clock::now()); });
    const auto work = [] {
        for (const auto start = Clock::now(); Clock::now() - start < microseconds(1);) {}
        app.count(0);
        app.progress.store(app.messages);
    };
    // The ticks are due from the first message on.
    QMetaObject::invokeMethod(&target, [&] { timer.start(PERIOD); work(); }, Qt::QueuedConnection);
    std::thread worker([&] {
        std::uint64_t sent = 1;
        for (const auto end = Clock::now() + time; Clock::now() < end; ++sent) {
            while (sent - app.progress.load() >= WAITING) std::this_thread::sleep_for(milliseconds(1));
            QMetaObject::invokeMethod(&target, work, Qt::QueuedConnection);
        }
        const auto last = [sent] {
            app.expected = sent + 1;
            app.count(0);
        };
        QMetaObject::invokeMethod(&target, last, Qt::QueuedConnection);
    });
    app.run(0);
    worker.join();
    app.time_of_each(0, app.messages);
    // A tick that was skipped is as late as the next that happened, or else as the end.
    std::vector<double> lateness;
    int happened = 0;
    auto tick = ticks.begin();
    for (auto due = app.started + PERIOD; due <= app.done; due += PERIOD) {
        while (tick != ticks.end() && *tick < due) ++tick;
        const auto at = tick == ticks.end() ? app.done : *tick;
        lateness.push_back(nanoseconds(at - due));
        happened += at < due + PERIOD && at < app.done;
    }
    if (lateness.empty()) fail("the flood was shorter than a tick");
    std::sort(lateness.begin(), lateness.end());
    report(lateness[(lateness.size() * 99 + 99) / 100 - 1], double(happened) / double(lateness.size()));
}

int main(int argc, char **argv) {
    if (argc != 6) fail("it is started by the program that measures all others");
    alarm(PATIENCE_IN_SECONDS); // Were a message lost, it would wait for ever.
    QCoreApplication application(argc, argv);
    const std::string scenario = argv[1];
    const auto messages = std::strtoull(argv[2], nullptr, 10);
    const auto is = [&scenario](const char *name) { return scenario == name; };
    if (is("one_producer_8")) producers<1>(messages, 1);
    else if (is("one_producer")) producers<3>(messages, 1);
    else if (is("one_producer_64")) producers<8>(messages, 1);
    else if (is("large_messages")) producers<32>(messages, 1);
    else if (is("four_producers_8")) producers<1>(messages, 4);
    else if (is("four_producers")) producers<3>(messages, 4);
    else if (is("four_producers_64")) producers<8>(messages, 4);
    else if (is("four_producers_256")) producers<32>(messages, 4);
    else if (is("burst_drain_8")) burst<1>(messages, Burst::Drain);
    else if (is("burst_drain")) burst<3>(messages, Burst::Drain);
    else if (is("burst_drain_64")) burst<8>(messages, Burst::Drain);
    else if (is("burst_drain_256")) burst<32>(messages, Burst::Drain);
    else if (is("burst_send_8")) burst<1>(messages, Burst::Send);
    else if (is("burst_send")) burst<3>(messages, Burst::Send);
    else if (is("burst_send_64")) burst<8>(messages, Burst::Send);
    else if (is("burst_send_256")) burst<32>(messages, Burst::Send);
    else if (is("many_pipes")) many_pipes(std::strtoull(argv[3], nullptr, 10));
    else if (is("idle_latency_park")) idle(std::strtoull(argv[4], nullptr, 10), false);
    else if (is("wakes_idle")) idle(std::strtoull(argv[4], nullptr, 10), true);
    else if (is("wakes")) burst<3>(messages, Burst::Wakes);
    else if (is("flood_ticks")) flood(milliseconds(std::strtoll(argv[5], nullptr, 10)));
    else fail("there is no scenario " + scenario);
}
