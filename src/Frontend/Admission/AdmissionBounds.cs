using Evergrain.Frontend.Access;
using Evergrain.Frontend.Listening;
using Evergrain.Frontend.Settings;
using Microsoft.Extensions.Configuration;

namespace Evergrain.Frontend.Admission;

/// <summary>One tenant's bounds, with nothing left open.</summary>
internal sealed record TenantBounds(int ConnectionsMax, int RunningTurnsMax, int WaitingTurnsMax, long ReceivedBytesMax,
    int Weight)
{
    /// <summary>Bytes of running and unstored turns; beside what is free in the process.</summary>
    public long MemoryBytesMax { get; init; } = long.MaxValue;

    /// <summary>Turns that it may begin in a minute; null: no bound.</summary>
    public int? TurnsPerMinute { get; init; }

    /// <summary>Tokens that its turns may take in a minute; null: no bound.</summary>
    public long? TokensPerMinute { get; init; }

    /// <summary>Whether spans hold what its stored turns say.</summary>
    public bool HasContentInSpans { get; init; }

    /// <summary>Whether anything is bounded by the minute.</summary>
    public bool HasRates => TurnsPerMinute is not null || TokensPerMinute is not null;
}

/// <summary>The bounds in force, in all and by tenant. Immutable; a reload makes new ones.</summary>
internal sealed class AdmissionBounds
{
    private readonly Dictionary<string, TenantBounds> _tenants = new(StringComparer.Ordinal);
    private readonly TenantBounds _others;

    private AdmissionBounds(AdmissionOptions all, TenantOptions others)
    {
        All = all;
        Memory = MemoryShares.Of(all);
        _others = Resolve(new TenantOptions(), others);
    }

    /// <summary>The bounds in all; nobody writes to them again.</summary>
    public AdmissionOptions All { get; }

    /// <summary>The shares of memory.</summary>
    public MemoryShares Memory { get; }

    /// <summary>How many tenants have settings of their own.</summary>
    public int TenantCount => _tenants.Count;

    public TenantBounds Of(string tenant) => _tenants.GetValueOrDefault(tenant, _others);

    /// <summary>Reads both sections. Each mistake names its section; what is wrong counts as not said.</summary>
    /// <param name="configuration">Where they are.</param>
    /// <param name="mistakes">Gets each mistake.</param>
    /// <param name="files">Lowers what does not fit into the process; null: nothing is lowered.</param>
    public static AdmissionBounds Load(
        IConfiguration configuration, List<string> mistakes, FileBounds? files = null)
    {
        var all = Read<AdmissionOptions>(configuration.GetSection(AdmissionOptions.Section), mistakes);
        files?.Lower(all);
        var tenants = configuration.GetSection(TenantOptions.Section);
        var others = Read<TenantOptions>(tenants.GetSection(TenantOptions.Others), mistakes);
        var bounds = new AdmissionBounds(all, others);
        foreach (var section in tenants.GetChildren().Where(static section => section.Key != TenantOptions.Others))
        {
            if (!ApiKeySet.IsTenant(section.Key))
            {
                mistakes.Add($"{section.Path}: a tenant is '*' or 1 to 64 characters of [a-z0-9_-].");
                continue;
            }

            bounds._tenants[section.Key] = bounds.Resolve(Read<TenantOptions>(section, mistakes), others);
        }

        return bounds;
    }

    private TenantBounds Resolve(TenantOptions own, TenantOptions others) => new(
        own.ConnectionsMax ?? others.ConnectionsMax ?? int.MaxValue,
        own.RunningTurnsMax ?? others.RunningTurnsMax ?? int.MaxValue,
        own.WaitingTurnsMax ?? others.WaitingTurnsMax ?? ((All.WaitingTurnsMax + 1) / 2),
        own.ReceivedBytesMax ?? others.ReceivedBytesMax ?? (Memory.ReceivedBytesMax / 4),
        own.Weight ?? others.Weight ?? 1)
    {
        MemoryBytesMax = own.MemoryBytesMax ?? others.MemoryBytesMax ?? long.MaxValue,
        TurnsPerMinute = own.TurnsPerMinute ?? others.TurnsPerMinute,
        TokensPerMinute = own.TokensPerMinute ?? others.TokensPerMinute,
        HasContentInSpans = own.ContentInSpans ?? others.ContentInSpans ?? false,
    };

    private static T Read<T>(IConfigurationSection section, List<string> mistakes)
        where T : class, new() => SettingsExtensions.Read<T>(section, mistakes, isStrict: true);
}
