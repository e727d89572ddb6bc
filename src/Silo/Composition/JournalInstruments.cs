using System.Diagnostics.Metrics;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Timing;
using Evergrain.Providers.Azure;
using Evergrain.Providers.Postgres;
using Evergrain.Providers.Sqlite;

namespace Evergrain.Silo.Composition;

/// <summary>Shows what the journal counts itself, read whenever metrics are.</summary>
internal static class JournalInstruments
{
    /// <summary>Adds them to a factory's meter.</summary>
    public static void Add(IMeterFactory meters, IJournal journal)
    {
        var meter = meters.Create(GenAi.SourceName);
        if (journal is SqliteJournal sqlite)
        {
            AddShared(meter, () => sqlite.Counters.Transactions, () => sqlite.Counters.FailedTransactions,
                () => sqlite.Counters.Refused);
            meter.CreateObservableCounter("evergrain.journals.checkpointed", () => sqlite.Counters.Checkpoints,
                "{checkpoint}", "Times that SQLite's log was written into its file.");
        }
        else if (journal is PostgresJournal postgres)
        {
            AddShared(meter, () => postgres.Counters.Transactions, () => postgres.Counters.FailedTransactions,
                () => postgres.Counters.Refused);
            meter.CreateObservableCounter("evergrain.journals.reconnected", () => postgres.Counters.Reconnects,
                "{connection}", "Connections to PostgreSQL that were made again.");
        }
        else if (journal is AzureJournal azure)
        {
            AddShared(meter, () => azure.Counters.Appends, () => azure.Counters.Failed, () => azure.Counters.Refused);
        }
    }

    private static void AddShared(Meter meter, Func<long> committed, Func<long> failed, Func<long> refused)
    {
        meter.CreateObservableCounter("evergrain.transactions.committed", committed, "{transaction}",
            "Transactions of the journal. Each is made durable once, with all appends that wait then.");
        meter.CreateObservableCounter("evergrain.transactions.failed", failed, "{transaction}",
            "Transactions of the journal that failed.");
        meter.CreateObservableCounter("evergrain.appends.refused", refused, "{append}",
            "Appends that were refused since the log does not end where their writer believes.");
    }
}
