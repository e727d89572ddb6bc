using Evergrain.Conversations.Lifetimes;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;
using Evergrain.Providers.Azure;
using Evergrain.Providers.Postgres;
using Evergrain.Providers.Sqlite;
using Evergrain.Silo.Composition;
using Microsoft.Extensions.Configuration;

namespace Evergrain.Silo.Commands;

/// <summary>Says what <c>ResponseLifetime</c> will remove, and when. It removes nothing.</summary>
/// <param name="configuration">The settings.</param>
/// <param name="journal">Where the journal is.</param>
internal sealed class LifetimeCheckup(IConfiguration configuration, JournalComposition journal)
{
    private const string Part = "lifetimes";

    /// <summary>A finding for each rule; none without one.</summary>
    public async Task<IReadOnlyList<DoctorFinding>> FindAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        var lifetimes = LifetimeComposition.Read(configuration);
        if (lifetimes.Rules.Count == 0)
        {
            return [];
        }

        try
        {
            return await FindAsync(lifetimes, now, cancellationToken);
        }
        catch (Exception e) when (e is JournalUnavailableException or JournalCorruptException)
        {
            return [new DoctorFinding(Part, IsFine: true, $"What it removes could not be counted: {e.Message}")
            {
                IsWarning = true,
            }];
        }
    }

    private async Task<IReadOnlyList<DoctorFinding>> FindAsync(
        ResponseLifetimes lifetimes, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (journal.PostgresOptions is { } postgres)
        {
            await using var reader = await PostgresLifetimeReader.OpenAsync(
                JournalComposition.PostgresAt(PostgresUrl.ReadOnly(postgres.Url), configuration, postgres.Format),
                cancellationToken);
            return await FindAsync(reader, lifetimes, now, cancellationToken);
        }

        if (journal.AzureOptions is { } azure)
        {
            return await FindAsync(
                await AzureLifetimeReader.OpenAsync(azure, cancellationToken), lifetimes, now, cancellationToken);
        }

        using var file = SqliteLifetimeReader.Open(JournalComposition.SqliteDirectory(configuration)!);
        return await FindAsync(file, lifetimes, now, cancellationToken);
    }

    private static async Task<IReadOnlyList<DoctorFinding>> FindAsync(ILifetimeReader? reader,
        ResponseLifetimes lifetimes, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (reader is null)
        {
            return [new DoctorFinding(Part, IsFine: true, "There is no conversation yet that it could remove.")];
        }

        var findings = new List<DoctorFinding>();
        var kept = await reader.ReadLifetimesAsync(cancellationToken);
        foreach (var rule in KeptLifetime.Next(kept, lifetimes.Rules, now))
        {
            var forecast = await LifetimeForecast.MakeAsync(reader, lifetimes, rule, now, cancellationToken);
            var counted = rule.BeginsAt(now) ? SayNext(forecast) : Say(forecast, now);
            findings.Add(new DoctorFinding(Part, IsFine: true,
                $"Responses of {forecast.Owner} are kept for {rule.Lifetime}, counted from {counted}")
            {
                IsWarning = rule.BeginsAt(now),
            });
        }

        return findings;
    }

    private static string SayNext(LifetimeForecast forecast) => "the next start: if that is now, " +
        $"{forecast.Count} will be removed at {forecast.Time}, and those with another turn until then later.";

    private static string Say(LifetimeForecast forecast, DateTimeOffset now) =>
        $"{LifetimeForecast.Write(forecast.Rule.Since)}: {forecast.Count} will be removed " +
        (forecast.At == now ? "at the next sweep." : $"at {forecast.Time}.");
}
