using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Conversations.Turns;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>
/// The one journal of all hosts: <see cref="InMemoryJournal"/> or another, far away. A call takes time on the way there
/// and back; what was sent arrives even where its sender has died meanwhile. The next calls meet the faults that were
/// armed.
/// </summary>
/// <param name="agenda">Virtual time, and chance.</param>
/// <param name="witness">Checks what is stored.</param>
/// <param name="mistake">The mistake that is made around the product.</param>
/// <param name="stores">The journal as the process of each host has it; null: one in memory.</param>
internal sealed class SimulatedJournal(Agenda agenda, Witness witness, Mistake mistake, Func<int, IJournal>? stores)
{
    private readonly InMemoryJournal _inMemory = new();
    private readonly List<Fault> _armedForAppends = [];
    private readonly List<Fault> _armedForReads = [];

    /// <summary>The faults that happened, as bits.</summary>
    public uint Happened { get; private set; }

    /// <summary>How many late appends were stored and how many were refused.</summary>
    public (int Stored, int Refused) Late { get; private set; }

    /// <summary>How many appends were sent and have not arrived.</summary>
    public int OnTheWay { get; private set; }

    /// <summary>Lets the next call of its kind meet a fault.</summary>
    public void Arm(Fault fault) =>
        (fault is Fault.ReadFails or Fault.ReadStale ? _armedForReads : _armedForAppends).Add(fault);

    public void Disarm()
    {
        _armedForAppends.Clear();
        _armedForReads.Clear();
    }

    /// <summary>Notes a fault that happened.</summary>
    public void Count(Fault fault) => Happened |= 1u << (int)fault;

    public void Append(SimulatedHost host, ConversationKey key, Effect.Append append, ulong writer,
        Action<Exception?> done)
    {
        agenda.Trace.Mix(append.Records.Span);
        var sent = new Sent(host.Number, key, append, writer, witness.LogOf(key).Deletions);
        var (there, back) = (agenda.Between(1, 6), agenda.Between(1, 6));
        var fault = Take(_armedForAppends);
        if (fault is { } met)
        {
            Count(met);
        }

        Say(key, writer, $"sends append {append.End.Position}{(fault is null ? "" : $" ({fault})")}");
        OnTheWay += fault is Fault.AppendFails ? 0 : 1;
        switch (fault)
        {
            case Fault.AppendFails:
                agenda.In(there, host, () => done(new JournalUnavailableException("simulated")));
                return;
            case Fault.AppendFailsAfter:
                agenda.In(there, null, () => Store(sent));
                agenda.In(there + back, host, () => done(new JournalUnavailableException("simulated")));
                return;
            case Fault.AppendLate:
                agenda.In(agenda.Between(20, 8000), null, () => StoreLate(sent));
                agenda.In(there, host, () => done(new JournalUnavailableException("simulated")));
                return;
            case Fault.AcknowledgementLost:
                agenda.In(there, null, () => Store(sent));
                agenda.In(agenda.Between(50, 8000), host, () => done(new JournalUnavailableException("simulated")));
                return;
            case Fault.AppendDelayed:
                there = agenda.Between(50, 8000);
                back = agenda.Between(1, 1000);
                break;
        }

        if (mistake.AcknowledgesEarly(RecordFrames.Read(append.Records, new RecordOwner(key))))
        {
            agenda.In(0, host, () => done(null));
            agenda.In(there, null, () => Store(sent));
            return;
        }

        agenda.In(there, null, () =>
        {
            var outcome = Store(sent);
            agenda.In(back, host, () => done(outcome));
        });
    }

    public void Read(SimulatedHost host, ConversationKey key, JournalEnd from,
        Action<List<JournalEntry>?, Exception?> done)
    {
        var (there, back) = (agenda.Between(0, 4), agenda.Between(0, 4));
        switch (Take(_armedForReads))
        {
            case Fault.ReadFails:
                Count(Fault.ReadFails);
                agenda.In(there + back, host, () => done(null, new JournalUnavailableException("simulated")));
                return;
            case Fault.ReadStale:
                (there, back) = (0, agenda.Between(20, 5000));
                break;
        }

        agenda.In(there, null, () =>
        {
            var read = Entries(key, from, out var error, host.Number);
            var changes = witness.ChangesOf(key);
            agenda.In(back, host, () =>
            {
                if (back > 4 && changes != witness.ChangesOf(key))
                {
                    Count(Fault.ReadStale);
                }

                done(read, error);
            });
        });
    }

    public void Delete(SimulatedHost host, ConversationKey key, JournalEnd end, Action done)
    {
        var fails = Take(_armedForAppends) is Fault.AppendFails;
        agenda.In(agenda.Between(1, 6), null, () =>
        {
            if (!fails && Outcome(StoreOf(host.Number).DeleteAsync(key, end, CancellationToken.None)) is null)
            {
                witness.Deleted(key, end);
            }

            agenda.In(agenda.Between(1, 6), host, done);
        });
    }

    /// <summary>What a log holds now, behind an end; null and an error where it does not hold that.</summary>
    public List<JournalEntry>? Entries(ConversationKey key, JournalEnd from, out Exception? error, int host = 0)
    {
        var entries = new List<JournalEntry>();
        var reader = StoreOf(host).ReadAsync(key, from, CancellationToken.None)
            .GetAsyncEnumerator(CancellationToken.None);
        error = null;
        try
        {
            while (Wait(reader.MoveNextAsync()))
            {
                var read = reader.Current;
                entries.Add(read with { Records = mistake.Read(new RecordOwner(key), read.Records) });
            }
        }
        catch (PositionTakenException e)
        {
            error = e;
            return null;
        }

        return entries;
    }

    private Exception? Store(Sent sent)
    {
        // The one end that a deleted log shares with its successor is none: what journals do not refuse, this one does.
        // See docs/decisions/0013-simulation.md.
        var (key, append, writer) = (sent.Key, sent.Append, sent.Writer);
        OnTheWay--;
        var stored = mistake.Stored(new RecordOwner(key), append.Records);
        var outcome = append.End == JournalEnd.None && witness.LogOf(key).Deletions > sent.Deletions
            ? new PositionTakenException(key, append.End)
            : Outcome(StoreOf(sent.Host).AppendAsync(
                key, mistake.EndFor(append.End, witness.LogOf(key).End), writer, stored, CancellationToken.None));
        Say(key, writer, $"append {append.End.Position} {(outcome is null ? "is stored" : "is refused")}");
        if (outcome is null)
        {
            witness.Appended(key, append.End, new JournalEntry(append.End.Position, writer, stored));
        }

        return outcome;
    }

    private void StoreLate(Sent sent) =>
        Late = Store(sent) is null ? (Late.Stored + 1, Late.Refused) : (Late.Stored, Late.Refused + 1);

    private IJournal StoreOf(int host) => stores?.Invoke(host) ?? _inMemory;

    /// <summary>Null: it is stored. What is neither stored nor refused fails the run.</summary>
    private static PositionTakenException? Outcome(ValueTask call)
    {
        try
        {
            Wait(new ValueTask<bool>(DoneAsync(call)));
            return null;
        }
        catch (PositionTakenException e)
        {
            return e;
        }
    }

    private static async Task<bool> DoneAsync(ValueTask call)
    {
        await call;
        return true;
    }

#pragma warning disable VSTHRD002 // Virtual time stands still meanwhile; in memory the call has ended already.
    private static T Wait<T>(ValueTask<T> call) => call.AsTask().GetAwaiter().GetResult();
#pragma warning restore VSTHRD002

    private static Fault? Take(List<Fault> armed)
    {
        if (armed.Count == 0)
        {
            return null;
        }

        var fault = armed[0];
        armed.RemoveAt(0);
        return fault;
    }

    private void Say(ConversationKey key, ulong writer, string what)
    {
        if (agenda.Trace.IsKept)
        {
            agenda.Trace.Say(agenda.Now, $"journal of {key.Id}: {writer:x4} {what}");
        }
    }

    /// <summary>An append on its way, and how often its log had been deleted when it was sent.</summary>
    private readonly record struct Sent(
        int Host, ConversationKey Key, Effect.Append Append, ulong Writer, int Deletions);
}
