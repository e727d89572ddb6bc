using Evergrain.Conversations.Ports;

namespace Evergrain.Silo.Membership;

/// <summary>The memberships there are.</summary>
internal static class Memberships
{
    /// <summary>The one that the settings name.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="journalUrl">The journal's URL.</param>
    /// <param name="schema">The schema of the journal's tables; the cluster's lie beside them.</param>
    /// <exception cref="InvalidDataException">The settings do not go together.</exception>
    /// <exception cref="JournalUnavailableException">The URL is wrong.</exception>
    public static IMembership Create(ClusterSettings settings, string journalUrl, string schema)
    {
        if (settings.Membership == "azure")
        {
            return CreateAzure(settings);
        }

        var database = new ClusterDatabase(settings.MembershipUrl ?? journalUrl, schema);
        return settings.Membership == "localhost"
            ? new LocalMembership(settings, database)
            : new PostgresMembership(database);
    }

#if EVERGRAIN_AZURE
    private static AzureMembership CreateAzure(ClusterSettings settings) => new(settings.MembershipUrl ??
        throw new InvalidDataException("Membership azure needs MembershipUrl, a storage account's connection string."));
#else
    private static IMembership CreateAzure(ClusterSettings settings) => throw new InvalidDataException(
        $"Membership {settings.Membership} is not in this build: build it with -p:EvergrainAzure=true.");
#endif
}
