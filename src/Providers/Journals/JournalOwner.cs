namespace Evergrain.Providers.Journals;

/// <summary>Whose processes a journal is for: a process that runs alone, or one cluster.</summary>
public sealed record JournalOwner
{
    private JournalOwner(string? name) => Name = name;

    /// <summary>A process that lets no other in.</summary>
    public static JournalOwner Alone { get; } = new(name: null);

    /// <summary>Whether other processes of the same owner may be there too.</summary>
    public bool IsShared => Name is not null;

    /// <summary>The cluster and its service, for people; null: a process that runs alone.</summary>
    internal string? Name { get; }

    /// <summary>The processes of one cluster.</summary>
    /// <param name="id">The cluster's id.</param>
    /// <param name="service">The name under which its grains keep what they keep.</param>
    public static JournalOwner Cluster(string id, string service) => new($"cluster {id}, service {service}");

    /// <summary>Why a process of this owner is refused.</summary>
    /// <param name="journal">The journal, as the beginning of a sentence.</param>
    /// <param name="other">Whose processes have it; null: a process that runs alone.</param>
    /// <param name="place">What else the process could name.</param>
    internal string Refusal(string journal, string? other, string place) => $"{journal} is in use by " + (this switch
    {
        { IsShared: false } => "another process: stop it, or start both with --role both.",
        _ when other is null =>
            "a process that runs alone: stop that one, or start it with --role both as well.",
        _ => $"another cluster or service ({other}), and this process is of {Name}: give both the same Cluster:Id " +
            $"and Cluster:Service, or name another {place}.",
    });
}
