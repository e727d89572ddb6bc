namespace Evergrain.Frontend.Http;

/// <summary>Something that a server's operator should know, and that does not keep it from taking work.</summary>
internal interface IHealthRemark
{
    /// <summary>It, as a sentence for people; null: there is nothing.</summary>
    string? Remark { get; }
}
