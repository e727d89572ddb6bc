using Evergrain.Conversations.Recognition;
using Evergrain.Frontend;
using Evergrain.Frontend.Admission;
using Evergrain.Frontend.InProcess;
using Evergrain.Grains;
using Evergrain.Providers.Azure;
using Evergrain.Providers.Checks;
using Evergrain.Providers.Postgres;
using Evergrain.Silo.Cluster;
using Microsoft.Extensions.Configuration;

namespace Evergrain.Silo.Composition;

/// <summary>
/// Every name that a setting of the program can have, in whichever role: so that a name with a typo is reported, and
/// not passed over. Tenants, <c>Admission</c> and model servers check the names below theirs themselves.
/// </summary>
internal static class SettingNames
{
    private const string Postgres = "Postgres", Azure = "Azure", Cluster = "Cluster", InputCheck = "InputCheck";
    private const string Rules = "Rules";

    // The URL and the format stand one level higher, and so does what asks for the index of histories.
    private static readonly string[] BesidePostgres =
    [
        nameof(PostgresJournalOptions.Url), nameof(PostgresJournalOptions.Format),
        nameof(PostgresJournalOptions.KeepsHistories),
    ];

    private static readonly HashSet<string> Top = NamesOf(
    [typeof(EvergrainOptions), typeof(InProcessOptions), typeof(RecognitionOptions)],
    [
        "Role", "Data", "Journal", "JournalUrl", "JournalFormat", "Models", "ModelUrl", "ModelApi", "ModelKey",
        "ModelServer", "ModelServers", "Admission", "Tenants", Postgres, Azure, Cluster,
        InputCheck,
    ]);

    private static readonly HashSet<string> OfPostgres =
        [.. NamesOf([typeof(PostgresJournalOptions)], []).Except(BesidePostgres, StringComparer.OrdinalIgnoreCase)];

    private static readonly HashSet<string> OfAzure =
    [
        .. NamesOf([typeof(AzureJournalOptions)], []).Except(
            [nameof(AzureJournalOptions.Account), nameof(AzureJournalOptions.Format)],
            StringComparer.OrdinalIgnoreCase),
    ];

    // Settings of earlier builds, and what to set instead.
    private static readonly Dictionary<string, string> Gone = new(StringComparer.OrdinalIgnoreCase)
    {
        ["MetricsFromAnywhere"] =
            "Metrics want a key of OperatorKeys or OperatorKeysFile, or a scraper at OperationsPort.",
    };

    private static readonly HashSet<string> OfCluster =
        NamesOf([typeof(MemberOptions), typeof(ConversationClusterOptions)], []);

    /// <summary>A sentence for each name that no setting has.</summary>
    public static IEnumerable<string> FindUnknown(IConfiguration configuration)
    {
        var section = configuration.GetSection(EvergrainOptions.Section);
        var checks = section.GetSection(InputCheck);
        return
        [
            .. Unknown(section, Top),
            .. Unknown(section.GetSection(Postgres), OfPostgres),
            .. Unknown(section.GetSection(Azure), OfAzure),
            .. Unknown(section.GetSection(Cluster), OfCluster),
            .. Unknown(checks, NamesOf([typeof(InputCheckOptions)], [])),
            .. checks.GetSection(Rules).GetChildren()
                .SelectMany(static rule => Unknown(rule, NamesOf([typeof(InputRule)], []))),
        ];
    }

    private static IEnumerable<string> Unknown(IConfigurationSection section, HashSet<string> known) =>
        section.GetChildren().Where(child => !known.Contains(child.Key, StringComparer.OrdinalIgnoreCase))
            .Select(child => Gone.TryGetValue(child.Key, out var instead)
                ? $"{section.Path}: the setting '{child.Key}' is gone. {instead}"
                : $"{section.Path}: there is no setting '{child.Key}'.");

    private static HashSet<string> NamesOf(Type[] options, string[] others) => options
        .SelectMany(static type => type.GetProperties())
        .Where(static property => property.CanWrite)
        .Select(static property => property.Name)
        .Concat(others)
        .ToHashSet(StringComparer.OrdinalIgnoreCase);
}
